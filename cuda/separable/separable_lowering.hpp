#pragma once

#include <string>

#include "cuda/separable/separable_geometry.hpp"

namespace faltung::cuda::separable {

/// Why the engine does not compute the problem; empty if it does.
[[nodiscard]] std::string refusal(const Problem& problem);

/// The problem as the kernels see it, if they compute it.
[[nodiscard]] Geometry lower(const Problem& problem);

/// Whether it filters three axes, else two.
[[nodiscard]] bool is_volume(const Problem& problem);

/// How far a tap may lie from the product of its factors: relative * |w| + absolute. Every tap of a
/// promised outer product is rounded, and so are the three to five others that the factors come
/// from; two roundings for each are granted. Sums of several outer products keep TermsBound.
struct Tolerance {
  double relative = 0, absolute = 0;
  double passes = 0, granted = 0;  ///< see TermsBound
};
[[nodiscard]] Tolerance tolerance_of(const Problem& problem);

}  // namespace faltung::cuda::separable
