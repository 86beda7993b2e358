#include "cuda/depthwise/depthwise_runs.hpp"

#include <algorithm>
#include <string>

namespace faltung::cuda::depthwise {
namespace {

// Instructions for an element that moves alone, with its place; counted in the source.
constexpr double single_load = 40, single_store = 10;

// Turns of a loop that shares `count` out to `threads`.
double turns(std::int64_t count, std::int64_t threads) {
  return static_cast<double>(divide_up(count, std::max<std::int64_t>(1, threads)));
}

// How often the filter changes in a run of tiles, of which so many in a row have the same.
double filters(std::int64_t run, std::int64_t same) {
  return static_cast<double>(
      std::min(run, 1 + divide_up(run - 1, std::max<std::int64_t>(1, same))));
}

std::string size_name(std::int64_t size) { return std::to_string(size); }

std::int64_t planes(const Geometry& g) { return g.batch * g.axis[0].output; }

}  // namespace

// Slots that walk through slices, with taps in registers. All is one loop, a slice a turn.
KernelRun run_of(const Geometry& g, const WindowTiling& t, DType type, double bytes) {
  const int size = static_cast<int>(size_of(type));
  const int columns = 16 / size;
  const auto depth = static_cast<int>(g.axis[0].filter);
  const auto extent = static_cast<int>(spread(g.axis[2]));
  const int rows = window_rows(depth, extent, size);
  const double warps = turns(t.threads(), 32);
  const double slices = t.run + depth - 1;
  KernelRun run;
  run.cost = &kernel_cost(kernel_name("depthwise::window_kernel",
                                      {kernel_type(type), size_name(depth), size_name(extent)}));
  run.blocks = window_blocks(g, t);
  run.threads = static_cast<int>(round_up(t.threads(), 32));
  run.dynamic_shared = std::int64_t{window_stages(depth)} * t.slots * t.tile_size * size;
  run.turns.sums = warps * slices * depth * rows * columns * extent * extent;
  const std::int64_t same = t.tiles_x * t.tiles_y * planes(g);
  run.turns.taps = warps * (depth == 1 ? filters(t.run, same) : 1);
  const double copies =
      slices * warps *
      turns(std::int64_t{t.smem_rows} * t.pieces, std::int64_t{t.threads_x} * t.threads_y);
  run.turns.copy = t.x_vectors ? copies : 0;
  if (!t.x_vectors) run.other += copies * columns * single_load;
  if (!t.y_vectors) run.other += slices * warps * rows * columns * single_store;
  run.turns.once = warps;
  run.bytes = run.l2_bytes = window_again(g, t) * bytes;
  run.latencies = 1 + slices / (window_stages(depth) - 1);
  return run;
}

// Tiles of pixels, the next one on its way; lanes are channels.
KernelRun run_of(const Geometry& g, const ChannelsTiling& t, DType type, double bytes) {
  const int each = 4 / static_cast<int>(size_of(type));
  const int rows = channels_rows(t.size, t.stride);
  const double warps = channels_threads / 32.0;
  const double tiles = t.run;
  const std::int64_t subs = std::int64_t{t.rows} / rows * (t.cols / channels_columns);
  const std::int64_t pixels = std::int64_t{t.smem_rows} * t.smem_cols;
  KernelRun run;
  run.cost = &kernel_cost(kernel_name("depthwise::channels_kernel",
                                      {kernel_type(type), size_name(t.size), size_name(t.stride)}));
  run.blocks = divide_up(t.tiles, t.run);
  run.threads = channels_threads;
  run.dynamic_shared = 8 * std::int64_t{t.tile_size};
  run.turns.sums = tiles * warps * turns(subs, channels_threads / t.words) * rows *
                   channels_columns * t.size * t.size * each;
  run.turns.taps = warps * filters(t.run, t.tiles_x * t.tiles_y * planes(g));
  const double copies = tiles * warps * turns(pixels * t.words / 4, channels_threads);
  run.turns.copy = t.x_vectors ? copies : 0;
  run.turns.frame = t.x_vectors ? 0 : copies * 4 * each;
  if (!t.y_words) {
    run.other += tiles * static_cast<double>(subs) * rows * channels_columns * t.words / 32.0 *
                 each * single_store;
  }
  run.turns.around = tiles * warps;
  run.turns.once = warps;
  run.bytes = bytes;
  run.l2_bytes = static_cast<double>(t.tiles) *
                 static_cast<double>(pixels + std::int64_t{t.rows} * t.cols) * t.words * 4;
  run.latencies = 1 + tiles;
  return run;
}

// Groups of warps, a tile each at a time.
KernelRun run_of(const Geometry& g, const BandTiling& t, DType type, double bytes) {
  const auto filter = static_cast<double>(g.axis[1].filter);
  const std::int64_t group = 32 * std::int64_t{t.group_warps};
  const double warps = band_warps;
  const double tiles = t.run;
  KernelRun run;
  run.cost = &kernel_cost(kernel_name("depthwise::band_kernel",
                                      {kernel_type(type), size_name(t.strip), size_name(t.steps)}));
  run.blocks = divide_up(t.tiles, std::int64_t{t.groups} * t.run);
  run.threads = 32 * band_warps;
  run.dynamic_shared = t.groups * band_group_size(t) * 2;
  run.mma = tiles * t.groups * band_counts(g, t).mma;
  // By matrix instructions of a warp for an input row of all strips: of warps whose columns are all
  // there those that there are, of the others as if all output rows met all input rows.
  const double row = t.strip * band_columns * t.steps;
  const std::int64_t all = t.groups * divide_up(t.column_tiles, std::int64_t{band_columns});
  const std::int64_t whole = run.cost->other_sums.issued > 0 && filter >= t.strip - 1
                                 ? t.groups * (t.column_tiles / band_columns)
                                 : 0;
  const double guarded = tiles * static_cast<double>(all - whole) * (filter + t.strip - 1) * row;
  const double plain = tiles * static_cast<double>(whole) * filter * row;
  run.turns.sums = run.cost->other_sums.issued > 0 ? plain : guarded;
  run.turns.other_sums = run.cost->other_sums.issued > 0 ? guarded : 0;
  const double changes = filters(t.run, t.tiles_x * t.tiles_y * planes(g));
  run.turns.move =
      changes * warps * turns(g.axis[1].filter, t.group_warps) * turns(band_length(t.steps), 32);
  const double copies = tiles * warps * turns(std::int64_t{t.smem_rows} * t.halves, group);
  run.turns.copy = t.x_vectors ? copies : 0;
  if (!t.x_vectors) run.other += 8 * copies * single_load;
  if (t.y_vectors) {
    const std::int64_t pieces = divide_up(t.cols, 8);
    const std::int64_t lanes = pieces > 4 ? round_up(pieces, 8) : pieces;
    run.turns.store = tiles * warps * turns(t.rows * lanes, group);
  } else {
    run.other += tiles * warps * turns(std::int64_t{t.rows} * t.cols, group) * 2 * single_store;
  }
  run.turns.around = tiles * warps;
  run.turns.once = warps;
  run.bytes = run.l2_bytes = bytes;
  run.latencies = 1 + tiles + changes;
  return run;
}

// Units of 16 rows of a tile and groups of taps, shared out to the warps.
KernelRun run_of(const Geometry& g, const GradientTiling& t, DType type, double bytes) {
  const double warps = gradient_mma_warps;
  const std::int64_t unit_warps = gradient_mma_warps / t.warp_groups;
  const double units = turns(std::int64_t{t.planes} * t.blocks, unit_warps);
  const double loads = t.run;
  KernelRun run;
  run.cost =
      &kernel_cost(kernel_name("depthwise::gradient_mma_kernel",
                               {kernel_type(type), size_name(t.tap_rows), size_name(t.deltas)}));
  run.blocks = t.chunks * g.channels * t.grid_groups;
  run.threads = 32 * gradient_mma_warps;
  run.dynamic_shared = 2 * gradient_mma_shared(t);
  run.mma = loads * t.planes * gradient_mma_counts(g, t).mma / t.grid_groups;
  run.turns.around = loads * warps * units;
  run.turns.sums = run.turns.around * t.pieces * t.tap_rows * t.deltas / 2;
  run.turns.outer = loads * warps;
  run.turns.load = loads * t.planes * warps;
  const double x = loads * t.planes * warps * turns(t.x_size / 8, run.threads);
  const double y = loads * t.planes * warps * turns(t.y_size / 8, run.threads);
  run.turns.copy = (t.x_vectors ? x : 0) + (t.y_vectors ? y : 0);
  run.other = 8 * single_load * ((t.x_vectors ? 0 : x) + (t.y_vectors ? 0 : y));
  run.turns.once = warps;
  run.bytes = run.l2_bytes = bytes;
  run.latencies = 1 + loads;
  return run;
}

// As window_kernel, with a part of dy for each thread; lanes and warps are added at the end.
KernelRun gradient_run_of(const Geometry& g, const WindowTiling& t, DType type, double bytes) {
  const int size = static_cast<int>(size_of(type));
  const int columns = 16 / size;
  const auto extent = static_cast<int>(g.axis[2].filter);
  const int rows = window_rows(1, extent, size);
  const double warps = turns(t.threads(), 32);
  const GradientRuns cut = gradient_window_runs(g, t);
  const double slices = cut.run;
  KernelRun run;
  run.cost = &kernel_cost(
      kernel_name("depthwise::gradient_window_kernel", {kernel_type(type), size_name(extent)}));
  run.blocks = cut.chunks * g.channels;
  run.threads = static_cast<int>(round_up(t.threads(), 32));
  run.dynamic_shared = gradient_window_shared(t, rows, columns) * size;
  run.turns.sums = warps * slices * rows * columns * extent * extent;
  const double x =
      turns(std::int64_t{t.smem_rows} * t.pieces, std::int64_t{t.threads_x} * t.threads_y);
  run.turns.copy = slices * warps * ((t.x_vectors ? x : 0) + (t.y_vectors ? rows : 0));
  run.other =
      slices * warps * columns * single_load * ((t.x_vectors ? 0 : x) + (t.y_vectors ? 0 : rows));
  run.turns.finish = turns(g.taps(), run.threads) * warps * warps;
  run.turns.once = warps;
  run.bytes = run.l2_bytes = window_again(g, t) * bytes;
  run.latencies = 1 + slices;
  return run;
}

// What a warp loads along a row that another tap has brought to the L1 stays there; rows do not. Of
// neighbouring channels, columns do not either.
KernelRun gather_run(const Geometry& g, DType type, double bytes) {
  const auto size = static_cast<double>(size_of(type));
  const auto outputs = static_cast<double>(g.batch * g.channels * g.positions());
  const double rows = static_cast<double>(g.group_inputs * g.axis[0].filter * g.axis[1].filter);
  const double terms = static_cast<double>(g.group_inputs * g.taps());
  const double warps = gather_threads / 32.0;
  KernelRun run;
  run.cost = &kernel_cost(kernel_name("depthwise::gather_kernel", {kernel_type(type)}));
  run.blocks = divide_up(g.batch * g.channels * g.positions(), gather_threads);
  run.threads = gather_threads;
  run.turns.sums = warps * terms;
  run.turns.around = warps * rows;
  run.turns.outer = warps * static_cast<double>(g.group_inputs * g.axis[0].filter);
  run.turns.outermost = warps * static_cast<double>(g.group_inputs);
  run.turns.beyond = run.turns.once = warps;
  run.bytes = bytes;
  run.loaded_bytes = outputs * 2 * terms * size;
  run.l2_bytes = std::max(bytes, outputs * (g.channels_last ? terms : rows) * size);
  return run;
}

// A block for eight taps, which read as many rows as those lie in.
KernelRun gradient_run(const Geometry& g, DType type, double bytes) {
  const auto size = static_cast<double>(size_of(type));
  const GradientCut cut = gradient_cut(g, divide_up(g.taps(), gradient_taps));
  const bool lanes_are_channels = cut.block_channels > 1;
  const double warps = gradient_warps;
  const std::int64_t groups = divide_up(g.taps(), gradient_taps);
  const double loads = static_cast<double>(g.batch * g.positions() * g.channels * groups);
  const double rows = static_cast<double>(
      std::min<std::int64_t>(gradient_taps, divide_up(gradient_taps - 1, g.axis[2].filter) + 1));
  KernelRun run;
  run.cost = &kernel_cost(kernel_name("depthwise::gradient_kernel",
                                      {kernel_type(type), lanes_are_channels ? "true" : "false"}));
  run.blocks = groups * cut.channel_groups * cut.chunks;
  run.threads = 32 * gradient_warps;
  run.turns.sums = warps * gradient_taps *
                   turns(cut.chunk, lanes_are_channels ? gradient_warps : 32 * gradient_warps);
  run.turns.around = run.turns.once = warps;
  run.bytes = bytes;
  run.loaded_bytes = loads * (1 + gradient_taps) * size;
  run.l2_bytes = std::max(bytes, loads * (1 + rows) * size);
  return run;
}

// Threads share the pieces of an element, four of them on their way at a time, and then one adds
// what they found.
KernelRun gradient_sum_run(const Geometry& g, std::int64_t pieces, DType type) {
  const int parts = gradient_parts(pieces);
  const int lanes = gather_threads / parts;
  const double adding = static_cast<double>(divide_up(lanes, 32));
  const auto elements = static_cast<double>(g.channels * g.taps());
  KernelRun run;
  run.cost = &kernel_cost(kernel_name("depthwise::gradient_sum_kernel", {kernel_type(type)}));
  run.blocks = divide_up(g.channels * g.taps(), lanes);
  run.threads = gather_threads;
  // Of the two loops the one that waits for global memory takes more.
  run.turns.other_sums = gather_threads / 32.0 * turns(pieces, parts);
  run.turns.sums = adding * (parts - 1);
  run.turns.around = adding;
  run.turns.once = gather_threads / 32.0;
  run.bytes = run.l2_bytes =
      elements * (static_cast<double>(pieces) * (type == DType::f64 ? 8 : 4) +
                  static_cast<double>(size_of(type)));
  return run;
}

KernelRun run_of(const Problem& p, const Geometry& g, const GpuLimits& device) {
  const int bytes = static_cast<int>(size_of(p.input));
  const auto run = [&](const Geometry& walked, const auto& t) {
    return run_of(walked, t, p.input, p.bytes());
  };
  if (can_gradient_mma(p, g)) return run(g, gradient_mma_tiling(g));
  if (can_gradient_window(p, g)) {
    return gradient_run_of(g, gradient_window_tiling(g, bytes), p.input, p.bytes());
  }
  if (p.pass == Pass::backward_filter) return gradient_run(g, p.input, p.bytes());
  if (can_band(p, g)) return run(g, band_tiling(g, device));
  if (can_window(p, g)) return run(dense(g), window_tiling(dense(g), bytes, device));
  if (can_channels(p, g)) return run(g, channels_tiling(g, bytes, device));
  return gather_run(g, p.input, p.bytes());
}

}  // namespace faltung::cuda::depthwise
