#pragma once

#include <cstddef>

#include "cpp/core/geometry.hpp"

namespace faltung::fft {

/// What a look at one operand tells about errors of its sums.
struct OperandScan {
  double largest = 0;  ///< |value|; NaN or infinity if one is
  double norm = 0;     ///< 2-norm of all elements, rounded up
  /// The largest power of two of which all values are multiples: 1 or more for whole numbers. 0 if
  /// it is below the smallest normal number.
  double quantum = 0;
};

/// Of the operand's elements.
///
/// @param shape    in layout order
/// @param strides  in layout order; empty = compact
/// @param slots    threads that may share the work
[[nodiscard]] OperandScan scan_operand(const void* data, DType type, const Shape& shape,
                                       const Strides& strides, int slots);

/// With what the problem's boundaries add to x.
[[nodiscard]] OperandScan with_constants(OperandScan x, const Problem& problem);

}  // namespace faltung::fft
