#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung {

/// The factors of a filter that is an outer product, one line of taps per axis: what Problem
/// promises with `separable` = 1. With the largest tap p, all factors but the last are lines
/// through p over p.
///
/// Every tap must be their product but for its own rounding and those of the rank() others that the
/// factors come from, two for each: 2 (rank + 1) u(w) relative to the tap. Then products differ
/// from the taps no more than the engines for outer products grant. Whole numbers must agree
/// exactly, which is decided for those up to 2^20 in magnitude.
///
/// @param w  real, on the CPU; any strides
/// @return nothing if w is no outer product, holds no taps, or holds a tap that is not finite
[[nodiscard]] std::optional<std::vector<std::vector<double>>> outer_factors(
    const ConstTensorView& w);

/// When a filter of ky x kx taps may be replaced by a sum of `terms` outer products u v that leave
/// a remainder E of it: where both errors together, as operators on x in the 2-norm,
///
///     passes sum|u||v| + sum|E| <= granted ||w||        granted = s(ky kx) sqrt(ky kx)
///
/// stay within what the dense sum is granted, whose |w| * |x| is at most sqrt(ky kx) ||w|| ||x||.
/// s(n) is the error of a sum of n products. `passes` is that of the sums along the rows, the sums
/// of all terms down the columns, and of the subtractions that form E.
///
/// Source: Young's inequality, ||E * x|| <= sum|E| ||x||; Cauchy-Schwarz, sum|w| <= sqrt(n) ||w||.
struct TermsBound {
  double passes = 0, granted = 0;
  /// Whether filters meet it whose taps have one magnitude, so that sum|w| = sqrt(ky kx) ||w||.
  [[nodiscard]] bool can_hold(std::int64_t ky, std::int64_t kx) const;
};
[[nodiscard]] TermsBound terms_bound(std::int64_t ky, std::int64_t kx, std::int64_t terms,
                                     DType accumulator);

/// The least number of outer products, at most max_separable, whose sum a filter is, within
/// terms_bound; 0 if there is none that takes less than half of the dense sum's multiplications. 1
/// is what outer_factors decides.
///
/// They come from elimination with complete pivots: the lines through the largest tap that is left,
/// again and again, in the type of the sums. A singular value decomposition leaves the least, but
/// needs as many terms (docs/engines/cuda-separable.md); and this is what the engines on a GPU
/// repeat, bit for bit, where the taps are.
///
/// @param w            real, on the CPU; any strides
/// @param accumulator  f32 or f64: in which engines sum
[[nodiscard]] std::int64_t outer_terms(const ConstTensorView& w, DType accumulator);

}  // namespace faltung
