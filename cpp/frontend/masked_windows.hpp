#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <faltung/boundary.hpp>
#include <faltung/tensor.hpp>
#include "cpp/core/masked_passes.hpp"

namespace faltung::masked {

struct Masked;

/// One axis of what results look at.
struct WindowAxis {
  std::int64_t taps = 1;
  std::int64_t before = 0;  ///< of these, before the result's own place
  Boundary boundary = Boundary::zero();
};

/// A masked convolution of a line or an image without given weights, both sums of a result in one
/// go: a tile is loaded with what lies beyond x, NaN where nothing does, and what is missing is
/// seen when it meets a tap. That reads x once where bands read it, its values and its weights.
struct Windows {
  Tensor taps;             ///< rows and columns, as they meet the data; ones where all are equal
  QuotientRule rule = {};  ///< of the sums by these
  std::array<WindowAxis, 2> axes;
  std::int64_t block_rows = 0, block_columns = 0;  ///< taps of a partial sum
  std::int64_t rows = 0, columns = 0;              ///< results of a tile
  int slots = 1;                                   ///< tiles that are worked on at once
};

/// Nothing where they do not serve: other axes, weights or counts of their own, an engine or bits
/// that were asked for, an outer product of taps, or rows too short for registers.
///
/// @param masked  all of it but what is made here
/// @param axes    rows, which a line has one of, and columns
/// @param flip    taps meet the data in reverse order
[[nodiscard]] std::optional<Windows> windows_of(const Masked& masked, const Shape& x,
                                                const Shape& y,
                                                const std::array<WindowAxis, 2>& axes, bool flip);

/// Scratch memory of run_windows.
[[nodiscard]] std::size_t windows_bytes(const Masked& masked);

/// The results, all of them.
///
/// @param x, y  as planned for, of any strides and types
void run_windows(const Masked& masked, const ConstTensorView& x, const TensorView& y,
                 const Workspace& workspace);

}  // namespace faltung::masked
