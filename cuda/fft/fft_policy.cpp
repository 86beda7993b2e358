#include "cuda/fft/fft_policy.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "cpp/core/extended_axis.hpp"
#include "cpp/core/machine.hpp"
#include "cuda/fft/fft_batches.hpp"
#include "cuda/fft/fft_lengths.hpp"
#include "cuda/primitives/integers.hpp"

namespace faltung::cuda::fft {
namespace {

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

/// Whether elements beyond the ends show elements of the axis.
bool folds(const AxisGeometry& axis) {
  const auto shows = [](const Side& side) {
    return side.kind != BoundaryKind::zero && side.kind != BoundaryKind::constant;
  };
  return (axis.pad_lo > 0 && shows(axis.below)) ||
         (extended(axis) > axis.pad_lo + axis.dilated_input() && shows(axis.above));
}

/// Blocks of the data gradient share no positions.
void set_gradient_length(const faltung::fft::AxisRange& range, bool gathered,
                         const AxisGeometry& axis, BlockAxis& block) {
  block.origin = range.begin;
  block.end = range.end;
  const std::int64_t all = std::max<std::int64_t>(1, range.end - range.begin);
  if (axis.filter == 1) {
    // As many blocks as outputs; between these there is nothing.
    block.step = axis.stride;
  } else {
    block.step = block.length >= range.points ? all : block.length - reach(axis) + 1;
  }
  block.tiles = divide_up(all, block.step);
  block.low = 0;
  block.tile = (block.length - 1) / axis.stride + 1;
  block.elements = axis.input;
  if (gathered || block.tiles == 1) return;
  block.elements = std::max({first_element(axis, block, 1),
                             axis.input - first_element(axis, block, block.tiles - 1),
                             divide_up(block.step, axis.input_dilation)});
}

void set_length(const Numbers& numbers, const Ranges& ranges, Geometry& g, int a,
                std::int64_t length) {
  const AxisGeometry& axis = g.axis[a];
  const faltung::fft::AxisRange& range = ranges[static_cast<std::size_t>(a)];
  BlockAxis& block = g.block[a];
  block.length = length;
  if (numbers.pass == Pass::backward_data) {
    set_gradient_length(range, g.folds, axis, block);
    return;
  }
  if (length >= range.points) {
    block.tile = axis.output;
    block.origin = range.begin;
    block.end = range.end;
  } else {
    block.tile = (length - reach(axis)) / axis.stride + 1;
    block.origin = 0;
    block.end = extended(axis);
  }
  block.step = block.tile * axis.stride;
  block.low = reach(axis) - 1 - block.origin;
  block.tiles = (axis.output - 1) / block.tile + 1;
}

/// Lengths that an axis may have; the last serves the whole of it.
std::vector<std::int64_t> lengths_of(const Numbers& numbers, const Ranges& ranges,
                                     const Geometry& g, int a) {
  const AxisGeometry& axis = g.axis[a];
  if (axis.filter == 1) return {1};  // each output is a block of its own
  const bool even = !numbers.complex && a == halved_axis(g);
  const std::int64_t whole =
      good_length(ranges[static_cast<std::size_t>(a)].points, even, numbers.wide);
  std::vector<std::int64_t> result;
  for (std::int64_t length = 16; length <= whole / 2; length *= 2) {
    if (4 * length >= 5 * reach(axis)) result.push_back(length);
  }
  result.push_back(whole);
  return result;
}

}  // namespace

Numbers numbers_of(const Problem& p) {
  return {.pass = p.pass,
          .complex = is_complex(p.accumulator),
          .wide = p.accumulator != DType::f32 && p.accumulator != DType::c64,
          .integers = is_integer(p.accumulator),
          .x_bytes = size_of(p.input),
          .w_bytes = size_of(p.filter),
          .y_bytes = size_of(p.output),
          .digits = {}};
}

Operand result_of(Pass pass) {
  return pass == Pass::forward ? Operand::y : pass == Pass::backward_data ? Operand::x : Operand::w;
}

std::int64_t parts_of(const Numbers& numbers, Operand operand) {
  if (operand == result_of(numbers.pass)) return numbers.digits.diagonals();
  const Operand first = numbers.pass == Pass::backward_data ? Operand::y : Operand::x;
  return operand == first ? numbers.digits.first : numbers.digits.second;
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

void cut_at(const Numbers& numbers, const Ranges& ranges, const Lengths& lengths, Geometry& g) {
  g.folds = numbers.pass == Pass::backward_data && std::ranges::any_of(g.axis, folds);
  g.blocks = g.points = 1;
  for (int a = 0; a < max_rank; ++a) {
    set_length(numbers, ranges, g, a, lengths[static_cast<std::size_t>(a)]);
    g.blocks *= g.block[a].tiles;
    g.points *= g.block[a].length;
  }
}

// Each axis in turn takes the length that is best beside the others', from two beginnings: whole
// axes, and the shortest blocks.
void cut(const Numbers& numbers, const Ranges& ranges, Geometry& g) {
  std::array<std::vector<std::int64_t>, max_rank> candidates;
  for (int a = 0; a < max_rank; ++a)
    candidates[static_cast<std::size_t>(a)] = lengths_of(numbers, ranges, g, a);
  const auto us = [&](const Lengths& lengths) {
    cut_at(numbers, ranges, lengths, g);
    return predict_us(reference_gpu_machine(), numbers, g, batches(numbers, g));
  };
  const auto improved = [&](Lengths best) {
    double min = us(best);
    for (int round = 0; round < 2; ++round) {
      for (std::size_t a = 0; a < best.size(); ++a) {
        Lengths trial = best;
        for (const std::int64_t length : candidates[a]) {
          trial[a] = length;
          const double time = us(trial);
          if (time >= min) continue;
          min = time;
          best = trial;
        }
      }
    }
    return std::pair(min, best);
  };
  Lengths longest, shortest;
  for (std::size_t a = 0; a < candidates.size(); ++a) {
    longest[a] = candidates[a].back();
    shortest[a] = candidates[a].front();
  }
  const auto whole = improved(longest), tiled = improved(shortest);
  cut_at(numbers, ranges, tiled.first < whole.first ? tiled.second : whole.second, g);
}

faltung::fft::Sizes sizes_of(const Problem& p, const Geometry& g) {
  faltung::fft::Sizes sizes{.length = number(g.points),
                            .blocks = number(g.units()) / number(p.batch)};
  for (const Axis& axis : p.axes) sizes.folds *= number(fold_multiplicity(axis));
  for (int a = 0; a < max_rank; ++a) {
    const AxisGeometry& axis = g.axis[a];
    const BlockAxis& block = g.block[a];
    sizes.outputs *= number(std::min(block.tile, axis.output));
    sizes.taps *= number(axis.filter);
    sizes.overlap *=
        std::min(number(block.tiles), std::ceil(number(block.length) / number(block.step)));
  }
  return sizes;
}

bool set_digits(const Problem& p, const Geometry& g, Numbers& numbers) {
  using faltung::fft::largest_magnitude;
  const auto choice = faltung::fft::choose_digits(
      p, sizes_of(p, g), largest_magnitude(faltung::fft::first_operand(p)),
      largest_magnitude(faltung::fft::second_operand(p)));
  if (choice) numbers.digits = choice->digits;
  return choice.has_value();
}

}  // namespace faltung::cuda::fft
