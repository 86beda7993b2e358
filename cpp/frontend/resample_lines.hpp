#pragma once

#include <cstddef>

#include <faltung/resample.hpp>

namespace faltung::signal {

/// The mean, median, maximum or minimum of every line of `x` along an axis, on the CPU.
///
/// @param x   compact, of type f32, f64, c64 or c128, with elements
/// @param to  of its type, compact, of its shape with extent 1 along the axis
void line_values(const ConstTensorView& x, std::size_t axis, PadType type, const TensorView& to);

/// Adds `sign` times the value of each line to its elements.
///
/// @param x       of any strides
/// @param values  of its type, as line_values makes them
void add_to_lines(const TensorView& x, std::size_t axis, const ConstTensorView& values, int sign);

}  // namespace faltung::signal
