#include "cuda/direct/direct_runs.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace faltung::cuda::direct {
namespace {

// Of the block that has most. There are none if a result is empty.
double tiles_of_block(const TileGrid& t) {
  return t.blocks > 0 ? static_cast<double>(divide_up(t.tiles, t.blocks)) : 0;
}

double rows_of(std::int64_t rows, std::int64_t output) {
  return static_cast<double>(std::clamp<std::int64_t>(output, 1, rows));
}

}  // namespace

// A thread sums a vector of taps at a time; the next window is on its way. Elements of another type
// are loaded one by one.
KernelRun run_of(const Geometry& g, const FirTiling& t, DType accumulator, DType input,
                 double bytes) {
  const int size = static_cast<int>(size_of(accumulator));
  const double vector = 16.0 / size;
  const double warps = t.threads / 32.0;
  const double tiles = tiles_of_block(t);
  const double products = accumulator == DType::c64 ? 4 : 1;
  KernelRun run;
  run.cost = &kernel_cost(kernel_name("direct::fir_kernel", {kernel_type(accumulator)}));
  run.blocks = t.blocks;
  run.threads = t.threads;
  run.dynamic_shared = std::int64_t{2 * t.window_size + t.taps_size} * size;
  run.turns.sums =
      tiles * warps * products * fir_vectors * vector * static_cast<double>(g.axis[2].filter);
  if (input == accumulator) {
    run.turns.copy = tiles * t.window_size / vector / 32;
  } else {
    run.turns.move = tiles * t.window_size / 32.0;
  }
  run.turns.around = tiles * warps;
  run.turns.once = warps;
  run.bytes = run.l2_bytes = bytes;
  run.latencies = 1 + tiles;  // of places and first window; then of each window while one is summed
  return run;
}

// A strip for each warp, which reads filter - 1 rows of the next. Sums that are stored as they are
// are multiplied once more, to see whether they are finite.
KernelRun run_of(const Geometry& g, const WalkTiling& t, DType accumulator, DType input,
                 double bytes) {
  const auto size = static_cast<double>(g.axis[2].filter);
  const double rows = rows_of(t.rows, g.axis[1].output);
  const double warps = walk_warps * std::ceil(tiles_of_block(t) / walk_warps);
  KernelRun run;
  run.cost = &kernel_cost(kernel_name(
      "direct::walk_kernel", {kernel_type(accumulator), kernel_type(input),
                              std::to_string(g.axis[2].filter), t.general ? "true" : "false"}));
  run.blocks = t.blocks;
  run.threads = 32 * walk_warps;
  run.turns.sums =
      warps * walk_columns * ((rows + size - 1) * size * size + (t.general ? 0 : rows));
  run.turns.finish = t.general ? warps * rows * walk_columns : 0;
  run.turns.around = warps;
  run.turns.once = walk_warps;
  run.bytes = run.l2_bytes = (1 + 0.5 * (size - 1) / rows) * bytes;
  // Rows come `ahead` at a time, for a strip that is walked down.
  const double ahead = walk_ring(static_cast<int>(g.axis[2].filter)) - 1;
  run.latencies = warps / walk_warps * (rows + size - 1) / ahead;
  return run;
}

// Slabs of slices, two of which are on their way while one is summed.
KernelRun run_of(const Geometry& g, const SlabTiling& t, DType /*accumulator*/, DType /*input*/,
                 double bytes) {
  const std::int64_t taps = g.axis[0].filter;
  const auto size = static_cast<double>(taps);
  const double tiles = tiles_of_block(t);
  const double depth = rows_of(t.depth, g.axis[0].output);
  const double slices = tiles * (depth + size - 1);
  KernelRun run;
  run.cost = &kernel_cost(
      kernel_name("direct::slab_kernel", {std::to_string(taps), t.general ? "true" : "false"}));
  run.blocks = t.blocks;
  run.threads = slab_threads;
  run.turns.sums = slices * slab_warps * slab_lane_rows * slab_columns * size * size * size;
  run.turns.copy = slices * (slab_rows + size - 1) * slab_window / 4 / 32;
  run.turns.finish = t.general ? tiles * depth * slab_warps * slab_lane_rows * slab_columns : 0;
  run.turns.around = slices * slab_warps;
  run.turns.outer = run.turns.taps = tiles * slab_warps;
  run.turns.once = slab_warps;
  run.bytes = (0.5 * (depth + size - 1) / depth + 0.5) * bytes;
  const double halo = (slab_rows + size - 1) / slab_rows * slab_window / slab_width;
  run.l2_bytes = (0.5 * (depth + size - 1) / depth * halo + 0.5) * bytes;
  run.latencies = tiles + slices / 2;
  return run;
}

// For each window of the tile's channels, copies that are waited for.
KernelRun run_of(const Geometry& g, const PatchTiling& t, DType /*accumulator*/, DType /*input*/,
                 double bytes) {
  const int width = patch_width(g.axis[2].filter);
  const auto rows = static_cast<double>(g.axis[1].filter);
  const double tiles = tiles_of_block(t);
  const double channels = tiles * static_cast<double>(g.group_inputs);
  const double windows = channels * static_cast<double>(g.axis[0].filter);
  KernelRun run;
  run.cost = &kernel_cost(kernel_name("direct::patch_kernel", {std::to_string(width)}));
  run.blocks = t.blocks;
  run.threads = patch_threads;
  run.dynamic_shared = 4 * std::int64_t{t.window_size + t.taps_size};
  run.turns.sums = windows * patch_warps * patch_rows * patch_columns * rows * width;
  run.turns.copy = windows * t.window_rows * patch_window(width) / 32;
  run.turns.around = run.turns.taps = windows * patch_warps;
  run.turns.outer = channels * patch_warps;
  run.turns.outermost = tiles * patch_warps;
  run.turns.once = patch_warps;
  run.bytes = bytes;
  const double read = static_cast<double>(t.window_rows) * 4 * patch_window(width) * 4 * windows *
                      static_cast<double>(t.blocks);
  run.l2_bytes = bytes + read;
  run.latencies = windows;
  return run;
}

// Strips that two input rows enter at a time. Taps of bytes are of two terms,
// whatever they are.
KernelRun run_of(const Geometry& g, const BandTiling& t, DType /*accumulator*/, DType input,
                 double bytes) {
  const int pairs = band_pairs(g);
  const bool narrow = band_narrow(g);
  const int size = static_cast<int>(size_of(input));
  const int terms = size == 1 ? 2 : 1;
  const double tiles = tiles_of_block(t);
  const double rows = rows_of(t.rows, g.axis[1].output);
  const double inputs = tiles * (std::ceil(rows / 2) + pairs - 1);  // pairs of rows
  KernelRun run;
  run.cost =
      &kernel_cost(kernel_name("direct::band_kernel", {kernel_type(input), std::to_string(pairs),
                                                       narrow ? "true" : "false"}));
  run.blocks = t.blocks;
  run.threads = 32 * band_warps;
  run.mma = inputs * band_warps * terms * (narrow ? 1 : 2) * pairs;
  run.turns.sums = run.mma;
  run.turns.copy = inputs * 2 * band_window * size / 16.0 / 32;
  run.turns.finish = tiles * rows * band_strip / 4 / 32;
  // Where a chunk is one turn of the pairs, its loop is that of the sums.
  const bool merged = band_chunk(pairs) == pairs;
  run.turns.around = merged ? tiles * band_warps : inputs * band_warps / band_chunk(pairs);
  run.turns.outer = merged ? 0 : tiles * band_warps;
  run.turns.taps = tiles * band_warps;
  run.turns.once = band_warps;
  run.bytes = (0.5 * (rows + static_cast<double>(g.axis[1].filter) - 1) / rows + 0.5) * bytes;
  run.l2_bytes = run.bytes;
  run.latencies = tiles + inputs / band_chunk(pairs);
  return run;
}

namespace {

// Whether hardly a tile does without the boundary map: where two or fewer lie side by side in a
// frame.
bool mostly_framed(const Geometry& g, const ChunkTiling& t) {
  const auto framed = [](const AxisGeometry& axis, std::int64_t tiles) {
    const std::int64_t reach =
        (axis.output - 1) * axis.stride + (axis.filter - 1) * axis.dilation + 1;
    return tiles <= 2 && (axis.pad_lo > 0 || reach - axis.pad_lo > axis.input);
  };
  return framed(g.axis[1], t.tiles_y) || framed(g.axis[2], t.tiles_x);
}

}  // namespace

// For each chunk of taps a window, moved element by element and waited for.
KernelRun run_of(const Geometry& g, const ChunkTiling& t, DType accumulator, DType /*input*/,
                 double bytes) {
  const int size = static_cast<int>(size_of(accumulator));
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const double warps = std::ceil(t.threads() / 32.0);
  const double tiles = tiles_of_block(t);
  const double slices = tiles * static_cast<double>(g.group_inputs * g.axis[0].filter);
  const double chunks = slices * static_cast<double>(divide_up(ay.filter, t.chunk_rows) *
                                                     divide_up(ax.filter, t.chunk_cols));
  const double products = is_complex(accumulator) ? 4 : 1;
  KernelRun run;
  run.cost = &kernel_cost(
      kernel_name("direct::direct_kernel", {kernel_type(accumulator), t.dense ? "true" : "false"}));
  run.blocks = t.blocks;
  run.threads = t.threads();
  run.dynamic_shared = std::int64_t{t.window_size + t.taps_size} * size;
  run.turns.sums = slices * warps * products * thread_rows * (16.0 / size) *
                   static_cast<double>(ay.filter) * static_cast<double>(ax.filter);
  const double moved = chunks * (t.window_size + t.taps_size) / 32.0;
  (mostly_framed(g, t) ? run.turns.frame : run.turns.move) = moved;
  run.turns.around = slices * warps * static_cast<double>(ay.filter);
  run.turns.outer = chunks * warps;
  run.turns.outermost = chunks * warps;
  run.turns.once = warps;
  run.bytes = bytes;
  run.l2_bytes = bytes + chunks * t.window_size * size * static_cast<double>(t.blocks);
  run.latencies = 0;  // `move` waits for each of its loads
  return run;
}

KernelRun run_of(const Geometry& g, const OrderedTiling& t, DType accumulator, DType input,
                 double bytes) {
  KernelRun run = run_of(g, static_cast<const ChunkTiling&>(t), accumulator, input, bytes);
  run.cost = &kernel_cost(kernel_name("direct::ordered_kernel",
                                      {kernel_type(accumulator), t.dense ? "true" : "false"}));
  return run;
}

}  // namespace faltung::cuda::direct
