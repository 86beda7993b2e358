#include "cuda/fft/fft_policy.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "cpp/core/extended_axis.hpp"
#include "cpp/core/machine.hpp"

namespace faltung::cuda::fft {
namespace {

// Blocks whose arrays take this much stay in half of a second-level cache.
double batch_bytes() { return static_cast<double>(reference_gpu_machine().l2_bytes / 2); }

// Points along an axis that we take cuFFT to transform in one trip through memory; not measured.
constexpr double trip_points = 8192;

double number(std::int64_t value) { return static_cast<double>(value); }

std::int64_t extended(const AxisGeometry& axis) {
  return (axis.output - 1) * axis.stride + reach(axis);
}

/// The last axis that is transformed: real numbers have half a spectrum there.
int halved_axis(const Geometry& g) {
  int axis = max_rank - 1;
  while (axis > 0 && g.axis[axis].filter == 1) --axis;
  return axis;
}

void set_length(const Ranges& ranges, Geometry& g, int a, std::int64_t length) {
  const AxisGeometry& axis = g.axis[a];
  const faltung::fft::AxisRange& range = ranges[static_cast<std::size_t>(a)];
  BlockAxis& block = g.block[a];
  block.length = length;
  if (length >= range.points) {
    block.tile = axis.output;
    block.origin = range.begin;
    block.end = range.end;
  } else {
    block.tile = (length - reach(axis)) / axis.stride + 1;
    block.origin = 0;
    block.end = extended(axis);
  }
  block.tiles = (axis.output - 1) / block.tile + 1;
}

void set_counts(Geometry& g) {
  g.blocks = g.points = 1;
  for (const BlockAxis& block : g.block) {
    g.blocks *= block.tiles;
    g.points *= block.length;
  }
}

/// Lengths that an axis may have; the last serves the whole of it.
std::vector<std::int64_t> lengths_of(const Numbers& numbers, const Ranges& ranges,
                                     const Geometry& g, int a) {
  const AxisGeometry& axis = g.axis[a];
  if (axis.filter == 1) return {1};  // each output is a block of its own
  const bool even = !numbers.complex && a == halved_axis(g);
  const std::int64_t whole = good_length(ranges[static_cast<std::size_t>(a)].points, even);
  std::vector<std::int64_t> result;
  // The data gradient adds what neighbouring tiles have in common, which whole axes avoid.
  if (numbers.pass != Pass::backward_data) {
    for (std::int64_t length = 16; length <= whole / 2; length *= 2) {
      if (4 * length >= 5 * reach(axis)) result.push_back(length);
    }
  }
  result.push_back(whole);
  return result;
}

/// Trips through memory of a transform.
double trips(const Geometry& g) {
  double trips = 0;
  for (const BlockAxis& block : g.block) {
    if (block.length > 1)
      trips += std::ceil(std::log2(number(block.length)) / std::log2(trip_points));
  }
  return trips;
}

/// What a run moves: bytes of the tensors, and between its kernels; and complex products.
struct Work {
  double outside = 0, inside = 0, products = 0;
};
Work work_of(const Numbers& numbers, const Geometry& g) {
  const double units = number(g.units()), pairs = number(g.pairs());
  const double points = number(g.points) * numbers.point();
  const double spectrum = number(spectrum_points(g, numbers.complex)) * 2 * numbers.part();
  const double transform = points + spectrum + 2 * (trips(g) - 1) * spectrum;
  double window_points = 1, outputs = 1, taps = 1;
  for (int a = 0; a < max_rank; ++a) {
    window_points *= number(window(g.axis[a], g.block[a], 0));
    outputs *= number(g.axis[a].output);
    taps *= number(g.axis[a].filter);
  }
  const double x = units * number(g.inputs()), y = units * number(g.outputs());
  Work work;
  work.outside = x * window_points * static_cast<double>(numbers.x_bytes) +
                 number(g.images * g.outputs()) * outputs * static_cast<double>(numbers.y_bytes) +
                 pairs * taps * static_cast<double>(numbers.w_bytes);
  work.inside = (x + y + pairs) * (points + transform);
  // A tile of sums reads its factors once; each sum is written.
  const Batches batch = batches(numbers, g);
  const bool data = numbers.pass == Pass::backward_data,
             filter = numbers.pass == Pass::backward_filter;
  const double rows = number(filter ? g.group_outputs : batch.units);
  const double columns = number(filter || data ? g.group_inputs : g.group_outputs);
  const double tiles =
      std::ceil(columns / product_columns) / columns + std::ceil(rows / product_rows) / rows;
  work.inside += (units * pairs * tiles + (filter ? pairs : data ? x : y)) * spectrum;
  work.products = units * pairs * spectrum / (2 * numbers.part());
  return work;
}

// The data gradient gathers from all blocks of an image.
std::int64_t unit_step(const Numbers& numbers, const Geometry& g) {
  return numbers.pass == Pass::backward_data ? g.blocks : 1;
}

double launches(const Numbers& numbers, const Geometry& g) {
  const Batches b = batches(numbers, g);
  const double passes = std::ceil(number(g.units()) / number(b.units));
  const double filters = std::ceil(number(g.pairs()) / number(b.pairs));
  return passes * (3 + 2 * trips(g)) + filters * (1 + trips(g));
}

}  // namespace

double predict_us(const GpuMachine& gpu, const Numbers& numbers, const Geometry& g) {
  const Work work = work_of(numbers, g);
  const Batches b = batches(numbers, g);
  const double set =
      number(b.units) * number(g.inputs() + g.outputs()) * 2 * number(g.points) * numbers.point();
  const double inside_rate =
      set <= number(gpu.l2_bytes) / 2 ? gpu.l2_bytes_per_us : gpu.moved_bytes_per_us();
  const DType sums = numbers.wide ? DType::f64 : DType::f32;
  return launches(numbers, g) * gpu.launch_us + work.outside / gpu.moved_bytes_per_us() +
         work.inside / inside_rate + 4 * work.products / gpu.products_per_us(sums);
}

std::int64_t good_length(std::int64_t min, bool even) {
  std::int64_t best = std::numeric_limits<std::int64_t>::max();
  const std::int64_t unit = even ? 2 : 1;
  for (std::int64_t seven = 1; seven < 7 * min; seven *= 7) {
    for (std::int64_t five = seven; five < 5 * min; five *= 5) {
      for (std::int64_t three = five; three < 3 * min; three *= 3) {
        std::int64_t length = three * unit;
        while (length < min) length *= 2;
        best = std::min(best, length);
      }
    }
  }
  return best;
}

Numbers numbers_of(const Problem& p) {
  return {.pass = p.pass,
          .complex = is_complex(p.accumulator),
          .wide = p.accumulator != DType::f32 && p.accumulator != DType::c64,
          .x_bytes = size_of(p.input),
          .w_bytes = size_of(p.filter),
          .y_bytes = size_of(p.output)};
}

std::int64_t spectrum_points(const Geometry& g, bool complex) {
  if (complex) return g.points;
  const std::int64_t last = g.block[halved_axis(g)].length;
  return g.points / last * (last / 2 + 1);
}

cufft::Shape shape_of(const Geometry& g, std::int64_t batch) {
  cufft::Shape shape{.rank = 0, .batch = batch};
  for (int a = 0; a < max_rank; ++a) {
    if (g.axis[a].filter != 1) shape.n[shape.rank++] = g.block[a].length;
  }
  return shape;
}

// Each axis in turn takes the length that is best beside the others', from two beginnings: whole
// axes, and the shortest blocks.
void cut(const Numbers& numbers, const Ranges& ranges, Geometry& g) {
  std::array<std::vector<std::int64_t>, max_rank> candidates;
  for (int a = 0; a < max_rank; ++a)
    candidates[static_cast<std::size_t>(a)] = lengths_of(numbers, ranges, g, a);
  const auto improved = [&](bool whole) {
    Geometry best = g;
    for (int a = 0; a < max_rank; ++a) {
      const auto& lengths = candidates[static_cast<std::size_t>(a)];
      set_length(ranges, best, a, whole ? lengths.back() : lengths.front());
    }
    set_counts(best);
    double min = predict_us(reference_gpu_machine(), numbers, best);
    for (int round = 0; round < 2; ++round) {
      for (int a = 0; a < max_rank; ++a) {
        for (const std::int64_t length : candidates[static_cast<std::size_t>(a)]) {
          Geometry trial = best;
          set_length(ranges, trial, a, length);
          set_counts(trial);
          const double us = predict_us(reference_gpu_machine(), numbers, trial);
          if (us >= min) continue;
          min = us;
          best = trial;
        }
      }
    }
    return std::pair(min, best);
  };
  const auto whole = improved(true), tiled = improved(false);
  g = tiled.first < whole.first ? tiled.second : whole.second;
}

Batches batches(const Numbers& numbers, const Geometry& g) {
  const double spectrum = number(spectrum_points(g, numbers.complex)) * 2 * numbers.part();
  const double points = number(g.points) * numbers.point();
  const auto channels = static_cast<double>(std::max(g.inputs(), g.outputs()));
  const std::int64_t step = unit_step(numbers, g);
  const double unit =
      number(step) * (channels * points + number(g.inputs() + g.outputs()) * spectrum);
  const auto even = [](std::int64_t all, double fit) {  // as few batches, but of one size
    const auto max = static_cast<std::int64_t>(std::clamp(fit, 1.0, number(all)));
    const std::int64_t count = (all - 1) / max + 1;
    return (all - 1) / count + 1;
  };
  Batches result;
  result.units = step * even(g.units() / step, batch_bytes() / unit);
  const double arrays =
      std::max(channels * number(result.units), batch_bytes() / (points + spectrum));
  result.pairs = even(g.pairs(), arrays);
  return result;
}

Batches halved(const Batches& batches, const Numbers& numbers, const Geometry& g) {
  const std::int64_t step = unit_step(numbers, g);
  return {.units = (batches.units / step + 1) / 2 * step, .pairs = (batches.pairs + 1) / 2};
}

bool is_least(const Batches& batches, const Numbers& numbers, const Geometry& g) {
  return batches.units == unit_step(numbers, g) && batches.pairs == 1;
}

faltung::fft::Sizes sizes_of(const Problem& p, const Geometry& g) {
  faltung::fft::Sizes sizes{.length = number(g.points),
                            .blocks = number(g.units()) / number(p.batch)};
  for (const Axis& axis : p.axes) sizes.folds *= number(fold_multiplicity(axis));
  for (int a = 0; a < max_rank; ++a) {
    const AxisGeometry& axis = g.axis[a];
    const BlockAxis& block = g.block[a];
    const double step = number(block.tile) * number(axis.stride);
    sizes.outputs *= number(block.tile);
    sizes.taps *= number(axis.filter);
    sizes.overlap *= std::min(number(block.tiles), std::ceil(number(block.length) / step));
  }
  return sizes;
}

}  // namespace faltung::cuda::fft
