#pragma once

#include <algorithm>
#include <cmath>

#include <faltung/problem.hpp>

namespace faltung {

/// How much steeper than its argument an activation may be: 1.0998 for silu and 1.1290 for gelu,
/// from the maxima of their derivatives.
inline double steepest_slope(const Activation& activation) {
  switch (activation.kind) {
    case ActivationKind::leaky_relu:
      return std::max(1.0, std::abs(activation.a));
    case ActivationKind::gelu:
      return 1.13;
    case ActivationKind::silu:
      return 1.1;
    default:
      return 1;
  }
}

/// Half the distance between the smallest numbers of a type, which u |y| does not cover.
constexpr double underflow(DType type) {
  return type == DType::f16 ? 0x1p-25 : type == DType::f64 || type == DType::c128 ? 0 : 0x1p-150;
}

}  // namespace faltung
