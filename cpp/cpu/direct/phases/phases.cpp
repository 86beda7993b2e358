#include "cpp/cpu/direct/phases/phases.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/element.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/cpu/direct/ways.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/layout_strides.hpp"
#include "cpp/cpu/transposed.hpp"

namespace faltung::direct {
namespace {

// The smallest r >= 0 with r d = a modulo n; -1 if there is none.
std::int64_t smallest_tap(std::int64_t a, std::int64_t d, std::int64_t n) {
  // Euclid's algorithm on (d, n), x times d being the remainder modulo n.
  std::int64_t remainder = n, next = d % n, x = 0, next_x = 1;
  while (next != 0) {
    const std::int64_t quotient = remainder / next;
    remainder = std::exchange(next, remainder - quotient * next);
    x = std::exchange(next_x, x - quotient * next_x);
  }
  if (a % remainder != 0) return -1;
  const std::int64_t period = n / remainder;
  const WideSigned r = WideSigned{positive_remainder(x, period)} * (a / remainder) % period;
  return static_cast<std::int64_t>(r);
}

// The taps of `axis` whose place r d is a modulo n.
Phase::Part part(const Axis& axis, std::int64_t first, std::int64_t step, std::int64_t results,
                 std::int64_t a, std::int64_t n) {
  Phase::Part result{.first = first,
                     .step = step,
                     .count = (results - 1 - first) / step + 1,
                     .first_tap = std::max<std::int64_t>(smallest_tap(a, axis.dilation, n), 0),
                     .tap_step = n / std::gcd(n, axis.dilation),
                     .taps = 0};
  const bool met = a % std::gcd(n, axis.dilation) == 0 && result.first_tap < axis.filter;
  if (met) result.taps = (axis.filter - 1 - result.first_tap) / result.tap_step + 1;
  return result;
}

Phase::Part input_part(const Axis& axis, std::int64_t first) {
  return part(axis, first, axis.stride, axis.input,
              positive_remainder(first + axis.pad_lo, axis.stride), axis.stride);
}

// Outputs or inputs between neighbours of one phase.
std::int64_t period(const Problem& p, const Axis& axis) {
  if (p.pass == Pass::backward_data) return axis.stride;
  return axis.input_dilation / std::gcd(axis.input_dilation, axis.stride);
}

std::int64_t phase_count(const Problem& p, const Axis& axis) {
  return std::min(period(p, axis), p.pass == Pass::backward_data ? axis.input : axis.output());
}

Axis input_axis(const Axis& axis, const Phase::Part& part) {
  const std::int64_t b = floor_divide(part.first + axis.pad_lo, axis.stride);
  Axis forward;
  forward.input = axis.output();
  forward.filter = part.taps;
  forward.dilation = axis.dilation / std::gcd(axis.stride, axis.dilation);
  forward.pad_lo =
      part.first_tap * axis.dilation / axis.stride - b + forward.effective_filter() - 1;
  forward.pad_hi = part.count - 1 + forward.effective_filter() - forward.input - forward.pad_lo;
  return forward;
}

// They stand beside the zeros between the elements of another axis too.
bool meets_constants(const Axis& axis) {
  return !all_met(axis, [](const Boundary& b) { return b.kind != BoundaryKind::constant; });
}

}  // namespace

bool Phase::is_empty() const {
  return std::ranges::any_of(parts, [](const Part& part) { return part.taps == 0; });
}

std::vector<std::int64_t> Phase::taps(const Problem& p) const {
  const Strides compact = compact_strides(filter_extents(p));
  Shape extents;
  for (const Part& part : parts) extents.push_back(part.taps);
  std::vector<std::int64_t> result;
  for_each_index(extents, [&](std::int64_t, const Extents& t) {
    std::int64_t tap = 0;
    for (std::size_t a = 0; a < parts.size(); ++a) {
      const std::int64_t j = p.pass == Pass::backward_data ? parts[a].taps - 1 - t[a] : t[a];
      tap += (parts[a].first_tap + j * parts[a].tap_step) * compact[a];
    }
    result.push_back(tap);
  });
  return result;
}

Phase::Part output_part(const Axis& axis, std::int64_t first) {
  const std::int64_t n = axis.input_dilation;
  return part(axis, first, n / std::gcd(n, axis.stride), axis.output(),
              positive_remainder(axis.pad_lo - first * axis.stride, n), n);
}

Axis output_axis(const Axis& axis, const Phase::Part& part) {
  const std::int64_t n = axis.input_dilation;
  Axis forward = axis;
  forward.input_dilation = 1;
  forward.filter = part.taps;
  forward.stride = axis.stride / std::gcd(axis.stride, n);
  forward.dilation = axis.dilation / std::gcd(axis.dilation, n);
  forward.pad_lo = -((part.first * axis.stride + part.first_tap * axis.dilation - axis.pad_lo) / n);
  forward.pad_hi = (part.count - 1) * forward.stride + forward.effective_filter() - forward.input -
                   forward.pad_lo;
  return forward;
}

bool has_phases(const Axis& axis) {
  const auto keeps_places = [&](const Boundary& boundary) {
    return boundary.kind == BoundaryKind::zero ||
           (boundary.kind == BoundaryKind::mirror && axis.input > 1);
  };
  return axis.input_dilation == 1 || all_met(axis, keeps_places);
}

bool has_phases(const Problem& p) {
  constexpr double max_phases = 64;
  double count = 1;
  for (const Axis& axis : p.axes) count *= static_cast<double>(phase_count(p, axis));
  if (count > max_phases) return false;
  if (p.pass == Pass::backward_data) {
    return std::ranges::all_of(p.axes, [](const Axis& axis) {
      return axis.input_dilation == 1 && !sends_back(axis.below) && !sends_back(axis.above);
    });
  }
  return p.pass == Pass::forward &&
         std::ranges::any_of(p.axes, [](const Axis& axis) { return axis.input_dilation > 1; }) &&
         std::ranges::all_of(
             p.axes, [](const Axis& axis) { return has_phases(axis) && !meets_constants(axis); });
}

std::vector<Phase> phases(const Problem& p) {
  Shape counts;
  for (const Axis& axis : p.axes) counts.push_back(phase_count(p, axis));
  const auto part = p.pass == Pass::backward_data ? &input_part : &output_part;
  std::vector<Phase> result;
  for_each_index(counts, [&](std::int64_t, const Extents& first) {
    Phase& phase = result.emplace_back();
    for (std::size_t a = 0; a < p.rank(); ++a) phase.parts.push_back(part(p.axes[a], first[a]));
  });
  return result;
}

Problem forward_problem(const Problem& p, const Phase& phase) {
  const bool gradient = p.pass == Pass::backward_data;
  Problem q = p;
  q.pass = Pass::forward;
  if (gradient) {
    std::swap(q.in_channels, q.out_channels);
    std::swap(q.input, q.output);
  }
  q.filter = p.accumulator;
  q.flip = q.conjugate = false;
  Shape taps;
  TensorStrides to = gradient ? x_strides(p) : y_strides(p);
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Phase::Part& part = phase.parts[a];
    q.axes[a] = gradient ? input_axis(p.axes[a], part) : output_axis(p.axes[a], part);
    taps.push_back(part.taps);
    to.spatial[a] *= part.step;
  }
  const std::int64_t count = element_count(taps);
  q.x_strides = gradient ? p.y_strides : p.x_strides;
  q.w_strides = layout_strides(p.layout, {.outer = q.in_channels / p.groups * count,
                                          .channel = count,
                                          .spatial = compact_strides(taps)});
  q.y_strides = layout_strides(p.layout, to);
  return q;
}

double phases_us(const Problem& p) {
  constexpr double phase_cycles = 11'100;
  constexpr double weight_cycles = 3.7;
  constexpr double store_cycles = 3.7;  // a stride apart
  const double cycle_us = 1e-3 * cpu_machine().cycle_ns();
  double us = cycle_us * (weight_cycles * static_cast<double>(element_count(p.w_shape())) +
                          store_cycles * static_cast<double>(element_count(p.result_shape())));
  for (const Phase& phase : phases(p)) {
    us += phase_cycles * cycle_us;
    if (phase.is_empty()) continue;
    const Problem forward = forward_problem(p, phase);
    us += forward_way(forward)->us(forward);
  }
  return us;
}

}  // namespace faltung::direct
