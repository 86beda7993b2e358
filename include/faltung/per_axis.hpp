#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include <faltung/export.hpp>

namespace faltung {

namespace detail {
[[noreturn]] FALTUNG_API void throw_per_axis(std::string_view field, std::size_t given,
                                             std::size_t axes);
}  // namespace detail

/// An option that takes one value for all axes, or one value per axis, slowest axis first:
///
///     .sigma = 2.0            .sigma = {1.0, 2.0}            .boundary = Boundary::wrap()
template <typename T>
class PerAxis {
 public:
  PerAxis() = default;  ///< no value: the option is not given
  template <typename U>
  requires std::convertible_to<U, T> PerAxis(const U& value) : values_{static_cast<T>(value)} {}
  PerAxis(std::initializer_list<T> values) : values_(values) {}
  PerAxis(std::vector<T> values) : values_(std::move(values)) {}

  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }
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
