#pragma once

#include <cstddef>

#include <faltung/resample.hpp>

namespace faltung::signal {

/// The mean, median, maximum or minimum of every line of `x` along an axis, on the CPU: of its
/// shape with extent 1 there.
///
/// @param x  compact, of type f32, f64, c64 or c128, with elements
[[nodiscard]] Tensor line_values(const Tensor& x, std::size_t axis, PadType type,
                                 const Execution& run);

/// Adds `sign` times the value of each line to its elements.
void add_to_lines(Tensor& x, std::size_t axis, const Tensor& values, int sign);

}  // namespace faltung::signal
