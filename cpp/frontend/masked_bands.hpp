#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <faltung/boundary.hpp>
#include <faltung/tensor.hpp>
#include "cpp/frontend/masked_pass.hpp"

namespace faltung::masked {

struct Masked;

/// A masked convolution cut into bands of rows, those of the first axis. A band is loaded,
/// convolved and divided before the next: its images stay in cache, where those of a whole x would
/// go through memory between one pass and the other.
struct Bands {
  std::int64_t rows = 0;    ///< of the result in a band; the last one begins earlier
  std::int64_t taps = 1;    ///< rows of x behind each of them
  std::int64_t before = 0;  ///< of these before its own
  Boundary boundary = {};   ///< of the first axis
  bool ends = false;        ///< nothing stands beyond the other axes, and results meet it
  int slots = 1;            ///< bands that are worked on at once
  /// Of one band: from rows + taps - 1 rows, without a boundary along the first axis, to rows. The
  /// last two as Taps says.
  std::optional<CompactPass> data = {}, divisors = {}, counts = {};
};

/// Rows of the result in a band, 0 where bands gain nothing. The same on every machine, since it is
/// a matter of the last bits what a divisor is where nothing is missing near it.
///
/// @param taps  of the first axis
[[nodiscard]] std::int64_t rows_of_band(const Shape& x, const Shape& y, std::int64_t taps);

/// How many bands should be worked on at once.
[[nodiscard]] int slots_of(const Bands& bands, const Shape& y);

/// Scratch memory of run_bands.
[[nodiscard]] std::size_t bands_bytes(const Masked& masked, const Shape& x, const Shape& y);

/// The results, all of them.
///
/// @param x, y  as planned for, of any strides and types
void run_bands(const Masked& masked, const ConstTensorView& x, const TensorView& y,
               const Stream& stream, const Workspace& workspace);

}  // namespace faltung::masked
