#include "cuda/separable/separable_runs.hpp"

#include <string>

namespace faltung::cuda::separable {
namespace {

// Instructions for an element that moves to shared memory alone, against those for the vector that
// the copies are counted in.
constexpr double single_load = 30;

double area(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

double tiles_of_block(const TileGrid& t) {
  return t.blocks > 0 ? static_cast<double>(divide_up(t.tiles, t.blocks)) : 0;
}

// The loads of a stage: copies of vectors where x is of the accumulator's type and its rows lie so,
// which they do if neighbours are columns; else elements, or vectors that are converted.
void count_loads(const Geometry& g, const Elements& e, double vectors, KernelRun& run) {
  const auto bytes = size_of(e.accumulator);
  const int vector = static_cast<int>(16 / bytes);
  const bool whole = g.axis[2].x_stride == 1 && x_rows_aligned(g, vector);
  if (whole && e.x_bytes == bytes) {
    run.turns.copy = vectors / 32;
  } else {
    run.other += vectors / 32 * (whole ? single_load + 4 * vector : single_load * vector);
  }
}

}  // namespace

double factoring_us(const GpuMachine& gpu, const Geometry& g) {
  return (factoring_loads + (g.terms - 1) * another_term_loads) * gpu.memory_latency_us;
}

// A strip, step_rows input rows at a time: their sums along the rows, then down the columns. The
// two loops of sums take turns; the cheaper one is the rows'.
KernelRun run_of(const Geometry& g, const PlaneTiling& s, const Elements& e) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const double warps = threads / 32.0;
  const double tiles = tiles_of_block(s);
  const double steps = tiles * s.steps;
  const double outputs = steps * step_rows * s.cols / 32;  // of warps
  KernelRun run;
  run.cost = &kernel_cost(kernel_name("separable::plane_kernel", {kernel_type(e.accumulator)}));
  run.blocks = s.blocks;
  run.threads = threads;
  run.dynamic_shared = shared_bytes(g, static_cast<int>(size_of(e.accumulator)));
  const double both = run.cost->other_sums.issued > 0 ? 1 : 0;
  run.turns.other_sums = both * outputs * g.terms * static_cast<double>(ay.filter);
  run.turns.sums =
      outputs * g.terms * static_cast<double>(ax.filter + ay.filter) - run.turns.other_sums;
  run.turns.around = steps * warps * g.terms * 2;
  run.turns.outer = steps * warps * 2;
  run.turns.outermost = run.turns.taps = tiles * warps;
  run.turns.once = warps;
  count_loads(
      g, e, steps * step_rows * s.stage_columns * static_cast<double>(size_of(e.accumulator)) / 16,
      run);
  run.other += outputs * finishing_instructions(e.finish);
  const double planes = static_cast<double>(s.tiles) / static_cast<double>(s.tiles_x * s.tiles_y);
  const double again =
      1 + static_cast<double>((s.tiles_y - 1) * (ay.filter - 1)) / static_cast<double>(ay.output);
  run.bytes = planes * (again * area(ay.input, ax.input) * moved_bytes(ax.x_stride, e.x_bytes) +
                        area(ay.output, ax.output) * moved_bytes(ax.y_stride, e.y_bytes));
  run.l2_bytes = run.bytes;
  run.latencies = tiles + steps;
  return run;
}

// Tiles, a slice at a time: sums along its rows, down its columns, and into the open sums.
KernelRun run_of(const Geometry& g, const VolumeTiling& s, const Elements& e) {
  const AxisGeometry& az = g.axis[0];
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  const auto bytes = static_cast<int>(size_of(e.accumulator));
  const int depth = choose_depth(az.filter, bytes, s.plain);
  const double warps = threads / 32.0;
  const double tiles = tiles_of_block(s);
  const double slices = tiles * static_cast<double>(s.depth + az.filter - 1);
  const double outputs = slices * s.rows * s.cols / 32;  // of warps
  KernelRun run;
  run.cost = &kernel_cost(
      kernel_name("separable::volume_kernel",
                  {kernel_type(e.accumulator), std::to_string(depth), s.plain ? "true" : "false"}));
  run.blocks = s.blocks;
  run.threads = threads;
  run.dynamic_shared = volume_shared_bytes(g, bytes, s.plain);
  const double again = static_cast<double>(s.ring_rows) / s.rows;  // rows that tiles share
  const double both = run.cost->other_sums.issued > 0 ? 1 : 0;
  run.turns.other_sums = both * outputs * (static_cast<double>(ay.filter) + depth);
  const double checked = s.plain ? 1 : 0;  // each sum, whether it is finite
  run.turns.sums = outputs * (again * static_cast<double>(ax.filter) +
                              static_cast<double>(ay.filter) + depth + checked) -
                   run.turns.other_sums;
  run.turns.around = slices * warps * 2;
  run.turns.outer = slices * warps * 2;
  run.turns.outermost = run.turns.taps = tiles * warps;
  run.turns.once = warps;
  count_loads(g, e, slices * s.ring_rows * s.stage_columns * bytes / 16, run);
  run.other += outputs * finishing_instructions(s.plain ? Finish::plain : Finish::any);
  const double planes =
      static_cast<double>(s.tiles) / static_cast<double>(s.tiles_x * s.tiles_y * s.tiles_z);
  const auto inputs = static_cast<double>(az.input + (s.tiles_z - 1) * (az.filter - 1));
  const double results = static_cast<double>(az.output) * area(ay.output, ax.output);
  run.bytes = planes * (inputs * area(ay.input, ax.input) * moved_bytes(ax.x_stride, e.x_bytes) +
                        results * moved_bytes(ax.y_stride, e.y_bytes));
  run.l2_bytes = run.bytes + planes * inputs * area(ay.input, ax.input) *
                                 (again * s.stage_columns / s.cols - 1) *
                                 static_cast<double>(e.x_bytes);
  run.latencies = tiles + slices / (stages - 1);
  return run;
}

}  // namespace faltung::cuda::separable
