#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <faltung/export.hpp>

namespace faltung {

namespace detail {
[[noreturn]] FALTUNG_API void throw_per_axis(std::string_view field, std::size_t given,
                                             std::size_t axes);
[[noreturn]] FALTUNG_API void throw_axis_value(std::uint64_t value);

template <typename T, typename... Others>
inline constexpr bool is_one_of = (std::same_as<T, Others> || ...);

/// An integer that counts: no truth value, no letter.
template <typename U>
concept AxisInteger =
    std::integral<U> && sizeof(U) <= sizeof(std::int64_t) &&
    !is_one_of<std::remove_cv_t<U>, bool, char, wchar_t, char8_t, char16_t, char32_t>;

/// What may stand for a T in PerAxis: for numbers, only those that keep their value.
template <typename U, typename T>
concept AxisOption = (std::is_arithmetic_v<T> &&
                      (AxisInteger<U> || (std::floating_point<T> && std::floating_point<U>))) ||
                     (!std::is_arithmetic_v<T> && std::convertible_to<U, T>);

template <typename T, AxisOption<T> U>
T axis_option(const U& value) {
  if constexpr (std::integral<T>) {
    if (!std::in_range<T>(value)) throw_axis_value(static_cast<std::uint64_t>(value));
  }
  return static_cast<T>(value);
}

/// One value in a list of numbers.
template <typename T>
struct AxisNumber {
  template <AxisOption<T> U>
  AxisNumber(const U& given) : value(axis_option<T>(given)) {}
  T value;
};
}  // namespace detail

/// An option that takes one value for all axes, or one value per axis, slowest axis first:
///
///     .sigma = 2.0            .sigma = {1.0, 2.0}            .boundary = Boundary::wrap()
///
/// Whole-numbered options take integers only: `.stride = 1.9` and `.stride = 'a'` do not compile,
/// and a value of 2^63 or more is refused.
template <typename T>
class PerAxis {
 public:
  PerAxis() = default;  ///< no value: the option is not given
  /// @throws InvalidProblem for an integer that T cannot hold.
  template <detail::AxisOption<T> U>
  PerAxis(const U& value) : values_{detail::axis_option<T>(value)} {}
  /// One number per axis; @throws InvalidProblem for an integer that T cannot hold.
  PerAxis(std::initializer_list<detail::AxisNumber<T>> values) requires std::is_arithmetic_v<T> {
    for (const auto& number : values) values_.push_back(number.value);
  }
  /// One value per axis.
  PerAxis(std::initializer_list<T> values) requires(!std::is_arithmetic_v<T>) : values_(values) {}
  /// One value per axis.
  PerAxis(std::vector<T> values) : values_(std::move(values)) {}

  /// Whether the option is not given.
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }
  /// None, one for all axes, or one per axis.
  [[nodiscard]] const std::vector<T>& values() const noexcept { return values_; }

  /// One value for each of `axes` axes. `field` names the option in the message.
  ///
  /// @throws InvalidProblem if there is neither one value nor one per axis.
  [[nodiscard]] std::vector<T> expand(std::string_view field, std::size_t axes) const {
    if (values_.size() == 1) return std::vector<T>(axes, values_.front());
    if (values_.size() != axes) detail::throw_per_axis(field, values_.size(), axes);
    return values_;
  }

  friend bool operator==(const PerAxis&, const PerAxis&) = default;

 private:
  std::vector<T> values_;
};

}  // namespace faltung
