#pragma once

#include <optional>
#include <vector>

#include <faltung/tensor.hpp>

namespace faltung {

/// The factors of a filter that is an outer product, one line of taps per axis: what Problem
/// promises with `separable`. With the largest tap p, all factors but the last are lines through p
/// over p.
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

}  // namespace faltung
