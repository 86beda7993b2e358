#include "cpp/cpu/direct/phases.hpp"

#include <algorithm>
#include <numeric>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/cpu/direct/forward_task.hpp"
#include "cpp/cpu/direct/lowering.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung::direct {
namespace {

Phase::Part part(const Axis& axis, std::int64_t first) {
  const std::int64_t period = axis.stride / std::gcd(axis.stride, axis.dilation);
  const std::int64_t a = positive_remainder(first + axis.pad_lo, axis.stride);
  Phase::Part result{.first = first,
                     .count = (axis.input - 1 - first) / axis.stride + 1,
                     .first_tap = 0,
                     .tap_step = period,
                     .taps = 0};
  for (std::int64_t r = 0; r < std::min(period, axis.filter); ++r) {
    if (r * axis.dilation % axis.stride != a) continue;
    result.first_tap = r;
    result.taps = (axis.filter - 1 - r) / period + 1;
  }
  return result;
}

Axis forward_axis(const Axis& axis, const Phase::Part& part) {
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

// In layout order.
Strides in_order(Layout layout, const TensorStrides& strides) {
  Strides all{strides.outer};
  if (layout == Layout::channels_first) all.push_back(strides.channel);
  for (const std::int64_t step : strides.spatial) all.push_back(step);
  if (layout == Layout::channels_last) all.push_back(strides.channel);
  return all;
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
      const std::int64_t j = parts[a].taps - 1 - t[a];
      tap += (parts[a].first_tap + j * parts[a].tap_step) * compact[a];
    }
    result.push_back(tap);
  });
  return result;
}

bool has_phases(const Problem& p) {
  constexpr double most_phases = 64;
  constexpr std::int64_t most_steps = 4096;  // that a search for the first tap takes
  double count = 1;
  for (const Axis& axis : p.axes) count *= static_cast<double>(std::min(axis.stride, axis.input));
  return p.pass == Pass::backward_data && count <= most_phases &&
         std::ranges::all_of(p.axes, [](const Axis& axis) {
           return axis.input_dilation == 1 && std::min(axis.stride, axis.filter) <= most_steps &&
                  !sends_back(axis.below) && !sends_back(axis.above);
         });
}

std::vector<Phase> phases(const Problem& p) {
  Shape counts;
  for (const Axis& axis : p.axes) counts.push_back(std::min(axis.stride, axis.input));
  std::vector<Phase> result;
  for_each_index(counts, [&](std::int64_t, const Extents& first) {
    Phase& phase = result.emplace_back();
    for (std::size_t a = 0; a < p.rank(); ++a) phase.parts.push_back(part(p.axes[a], first[a]));
  });
  return result;
}

Problem forward_problem(const Problem& p, const Phase& phase) {
  Problem q = p;
  q.pass = Pass::forward;
  std::swap(q.in_channels, q.out_channels);
  std::swap(q.input, q.output);
  q.filter = p.accumulator;
  q.flip = q.conjugate = false;
  Shape taps;
  TensorStrides to = x_strides(p);
  for (std::size_t a = 0; a < p.rank(); ++a) {
    q.axes[a] = forward_axis(p.axes[a], phase.parts[a]);
    taps.push_back(phase.parts[a].taps);
    to.spatial[a] *= p.axes[a].stride;
  }
  const std::int64_t count = element_count(taps);
  q.x_strides = p.y_strides;
  q.w_strides = in_order(p.layout, {.outer = p.out_channels / p.groups * count,
                                    .channel = count,
                                    .spatial = compact_strides(taps)});
  q.y_strides = in_order(p.layout, to);
  return q;
}

double phases_us(const Problem& p) {
  constexpr double phase_us = 3;
  constexpr double weight_ns = 1;
  constexpr double store_ns = 1;  // a stride apart
  double us = 1e-3 * (weight_ns * static_cast<double>(element_count(p.w_shape())) +
                      store_ns * static_cast<double>(element_count(p.x_shape())));
  for (const Phase& phase : phases(p)) {
    us += phase_us + (phase.is_empty() ? 0 : forward_us(forward_problem(p, phase)).value_or(0));
  }
  return us;
}

}  // namespace faltung::direct
