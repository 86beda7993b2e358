#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>

#include <faltung/export.hpp>

namespace faltung {

/// A short list of 64-bit integers kept in place: a shape, or strides in elements.
///
/// Holds at most `max_rank` entries: six spatial axes plus batch and channels.
class Extents {
 public:
  /// Most entries.
  static constexpr std::size_t max_rank = 8;

  constexpr Extents() noexcept = default;
  /// @throws InvalidProblem if there are more than `max_rank` values.
  constexpr Extents(std::initializer_list<std::int64_t> values)
      : Extents(std::span<const std::int64_t>(values.begin(), values.size())) {}
  /// @throws InvalidProblem if there are more than `max_rank` values.
  constexpr explicit Extents(std::span<const std::int64_t> values) {
    for (const std::int64_t value : values) push_back(value);
  }
  /// `count` times the same value.
  static constexpr Extents filled(std::size_t count, std::int64_t value) {
    Extents result;
    while (result.size() < count) result.push_back(value);
    return result;
  }

  /// @throws InvalidProblem if there are `max_rank` entries already.
  constexpr void push_back(std::int64_t value) {
    if (size_ == max_rank) throw_too_long();
    values_[size_++] = value;
  }

  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr std::int64_t& operator[](std::size_t i) noexcept { return values_[i]; }
  constexpr std::int64_t operator[](std::size_t i) const noexcept { return values_[i]; }
  constexpr std::int64_t* begin() noexcept { return values_.data(); }
  constexpr std::int64_t* end() noexcept { return values_.data() + size_; }
  constexpr const std::int64_t* begin() const noexcept { return values_.data(); }
  constexpr const std::int64_t* end() const noexcept { return values_.data() + size_; }
  [[nodiscard]] constexpr std::int64_t back() const noexcept { return values_[size_ - 1]; }

  friend constexpr bool operator==(const Extents& a, const Extents& b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  [[noreturn]] FALTUNG_API static void throw_too_long();
  std::array<std::int64_t, max_rank> values_{};
  std::size_t size_ = 0;
};

using Shape = Extents;    ///< extents in elements, slowest axis first
using Strides = Extents;  ///< elements between neighbours along each axis, of any sign

/// Product of all extents; 1 for rank 0.
///
/// @throws InvalidProblem if an extent is negative or the product exceeds 2^63 - 1.
[[nodiscard]] FALTUNG_API std::int64_t element_count(const Shape& shape);

/// Row-major strides without gaps: the last index is fastest.
[[nodiscard]] FALTUNG_API Strides compact_strides(const Shape& shape);

/// Writes "2x3x4"; "scalar" for rank 0.
FALTUNG_API std::ostream& operator<<(std::ostream& os, const Extents& extents);

}  // namespace faltung
