#pragma once

#include <faltung/device.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung::image {

/// Part of the square root of a sum of squares, element by element: every step is rounded to the
/// type of y, as cpp/frontend/image_terms.cpp does on the CPU.
struct MagnitudePass {
  ConstTensorView term = {};  ///< whose square is added, of the type of y; null: nothing
  TensorView y;               ///< real, of any strides
  bool square = false;        ///< y is squared first
  bool root = false;          ///< at last its root is taken
  Overflow overflow = Overflow::wrap;
  Rounding rounding = Rounding::truncate;
};

}  // namespace faltung::image
