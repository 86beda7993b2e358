#pragma once

#include <cstdint>
#include <vector>

#include <faltung/tensor_view.hpp>

/// Steps over whole results by Thrust, where they lie: on a GPU, whose results need not be copied;
/// in programs without one, emulated ones among them, by Thrust's own loops on the host.
namespace faltung::test {

/// How many numbers are no finite ones. Exact.
struct NonFinite {
  std::int64_t nan = 0, infinite = 0;
  friend bool operator==(const NonFinite&, const NonFinite&) = default;
};
/// @param view  compact, of f32, f64, f16 or bf16
[[nodiscard]] NonFinite count_non_finite(const ConstTensorView& view);

/// The largest |a - b|; NaN if one of them is.
/// @param a, b  compact, of one shape, both f32 or both f64
[[nodiscard]] double largest_difference(const ConstTensorView& a, const ConstTensorView& b);

/// Sorts on the host.
void sort_numbers(std::vector<std::int64_t>& numbers);

}  // namespace faltung::test
