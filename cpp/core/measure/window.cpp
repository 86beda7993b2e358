#include "cpp/core/measure/window.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/core/geometry.hpp"

namespace faltung {
namespace {

std::int64_t pick(std::int64_t count, std::mt19937_64& random) {
  return std::uniform_int_distribution<std::int64_t>(0, count - 1)(random);
}

// The first index of a box of `size` among `count`: at either end or anywhere, a third each.
std::int64_t pick_start(std::int64_t count, std::int64_t size, std::mt19937_64& random) {
  switch (pick(3, random)) {
    case 0:
      return 0;
    case 1:
      return count - size;
    default:
      return pick(count - size + 1, random);
  }
}

// Makes `axis` give exactly `count` outputs, whatever its pad_lo.
void set_outputs(Axis& axis, std::int64_t count) {
  axis.pad_hi =
      (count - 1) * axis.stride + axis.effective_filter() - axis.dilated_input() - axis.pad_lo;
}

// Edge of a box with at most `elements` elements.
std::int64_t box_edge(double elements, std::size_t rank) {
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>(std::pow(elements, 1.0 / static_cast<double>(rank))));
}

double taps(const Problem& p) {
  double count = 1;
  for (const Axis& axis : p.axes) count *= static_cast<double>(axis.filter);
  return count;
}

// The larger problem's strides, for one group and with explicit strides.
Window one_group(const Problem& p) {
  Window window{p};
  Problem& sub = window.problem;
  sub.groups = 1;
  if (sub.x_strides.empty()) sub.x_strides = compact_strides(p.x_shape());
  if (sub.w_strides.empty()) sub.w_strides = compact_strides(p.w_shape());
  if (sub.y_strides.empty()) sub.y_strides = compact_strides(p.y_shape());
  return window;
}

// Outputs [start, start + size) along every axis, of one image and one output channel.
Window forward_window(const Problem& p, double work, std::mt19937_64& random) {
  Window window = one_group(p);
  Problem& sub = window.problem;
  const std::int64_t b = pick(p.batch, random);
  const std::int64_t k = pick(p.out_channels, random);
  const std::int64_t inputs = p.in_channels / p.groups;
  const std::int64_t group = k / (p.out_channels / p.groups);
  const TensorStrides x = x_strides(p), w = w_strides(p), y = y_strides(p);
  sub.batch = 1;
  sub.in_channels = inputs;
  sub.out_channels = 1;
  window.first_offset = b * x.outer + group * inputs * x.channel;
  window.second_offset = k * w.outer;
  window.result_offset = b * y.outer + k * y.channel;
  window.channel = k;
  const std::int64_t edge = box_edge(work / (static_cast<double>(inputs) * taps(p)), p.rank());
  for (std::size_t i = 0; i < p.rank(); ++i) {
    const std::int64_t size = std::min(p.axes[i].output(), edge);
    const std::int64_t start = pick_start(p.axes[i].output(), size, random);
    sub.axes[i].pad_lo -= start * p.axes[i].stride;
    set_outputs(sub.axes[i], size);
    window.result_offset += start * y.spatial[i];
  }
  return window;
}

// Inputs [start, start + size) along every axis, of one image and one input channel.
Window data_window(const Problem& p, double work, std::mt19937_64& random) {
  Window window = one_group(p);
  Problem& sub = window.problem;
  const std::int64_t b = pick(p.batch, random);
  const std::int64_t c = pick(p.in_channels, random);
  const std::int64_t outputs = p.out_channels / p.groups;
  const std::int64_t inputs = p.in_channels / p.groups;
  const std::int64_t group = c / inputs;
  const TensorStrides x = x_strides(p), w = w_strides(p), y = y_strides(p);
  sub.batch = 1;
  sub.in_channels = 1;
  sub.out_channels = outputs;
  window.first_offset = b * y.outer + group * outputs * y.channel;
  window.second_offset = group * outputs * w.outer + c % inputs * w.channel;
  window.result_offset = b * x.outer + c * x.channel;
  window.channel = c;
  const std::int64_t edge = box_edge(work / (static_cast<double>(outputs) * taps(p)), p.rank());
  for (std::size_t i = 0; i < p.rank(); ++i) {
    const Axis& axis = p.axes[i];
    Axis& small = sub.axes[i];
    small.input = std::min(axis.input, edge);
    const std::int64_t start = pick_start(axis.input, small.input, random);
    // Outputs that meet [start, start + size) with some tap; at least one is kept.
    const std::int64_t reach = axis.effective_filter() - 1;
    const std::int64_t low = start + axis.pad_lo - reach;
    const std::int64_t first = std::min(
        std::max<std::int64_t>(0, (low + axis.stride - 1) / axis.stride), axis.output() - 1);
    const std::int64_t last = std::max(
        first, std::min(axis.output() - 1, (start + small.input - 1 + axis.pad_lo) / axis.stride));
    small.pad_lo = axis.pad_lo + start - first * axis.stride;
    set_outputs(small, last - first + 1);
    window.first_offset += first * y.spatial[i];
    window.result_offset += start * x.spatial[i];
  }
  return window;
}

// One tap of one pair of channels; the batch is cut to keep the work small only if it may be:
// a filter gradient sums over all of it.
Window filter_window(const Problem& p, std::mt19937_64& random) {
  Window window = one_group(p);
  Problem& sub = window.problem;
  const std::int64_t k = pick(p.out_channels, random);
  const std::int64_t c = pick(p.in_channels / p.groups, random);
  const std::int64_t group = k / (p.out_channels / p.groups);
  const TensorStrides x = x_strides(p), w = w_strides(p), y = y_strides(p);
  sub.in_channels = 1;
  sub.out_channels = 1;
  window.first_offset = (group * (p.in_channels / p.groups) + c) * x.channel;
  window.second_offset = k * y.channel;
  window.result_offset = k * w.outer + c * w.channel;
  for (std::size_t i = 0; i < p.rank(); ++i) {
    const Axis& axis = p.axes[i];
    const std::int64_t r = pick_start(axis.filter, 1, random);
    sub.axes[i].filter = 1;
    sub.axes[i].pad_lo -= r * axis.dilation;
    set_outputs(sub.axes[i], axis.output());
    window.result_offset += (p.flip ? axis.filter - 1 - r : r) * w.spatial[i];
  }
  return window;
}

}  // namespace

std::optional<Window> random_window(const Problem& p, double work, std::mt19937_64& random) {
  if (p.pass == Pass::forward) return forward_window(p, work, random);
  if (p.pass == Pass::backward_filter) return filter_window(p, random);
  for (const Axis& axis : p.axes) {
    if (axis.below.kind != BoundaryKind::zero || axis.above.kind != BoundaryKind::zero ||
        axis.input_dilation != 1) {
      return std::nullopt;
    }
  }
  return data_window(p, work, random);
}

}  // namespace faltung
