#pragma once

#include <cstdint>

#include <faltung/problem.hpp>

namespace faltung::gemm {

/// How the work is cut into blocks that are made, multiplied and forgotten. Changes speed, and bits
/// only through the segments; depends on the problem alone, as those do.
struct Policy {
  std::int64_t taps;      ///< rows of the column matrix, of taps of channels, at a time
  std::int64_t outputs;   ///< columns of it
  std::int64_t parts;     ///< of its rows, each for a thread; all of them read dy for themselves
  std::int64_t segments;  ///< of all outputs, for sums that are added at last: filter gradient only
};

/// What forward rows of a column matrix and of dy take: they are read once for each tile of the
/// product, in steps that should not take a page each.
inline constexpr std::int64_t row_bytes = 768;
/// What gradients are cut into for threads.
inline constexpr std::int64_t data_parts = 8;
inline constexpr std::int64_t filter_blocks = 16;
/// Fewer rows in a part would make loading dy, and fewer outputs in a segment adding its sums, take
/// more than a tenth of the product.
inline constexpr std::int64_t min_part_rows = 128;
inline constexpr std::int64_t min_segment_outputs = 2048;
inline constexpr std::int64_t segment_bytes = std::int64_t{8} << 20;

/// Of a group: a filter gradient has a row of them, with a table of its vectors.
inline constexpr std::int64_t max_channels = std::int64_t{1} << 24;

/// For a flattened problem.
[[nodiscard]] Policy choose(const Problem& p);

/// Of one thread, but for what fitted_costs.inc adds.
[[nodiscard]] double one_thread_us(const Problem& p);

}  // namespace faltung::gemm
