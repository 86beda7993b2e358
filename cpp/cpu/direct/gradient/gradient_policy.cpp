#include "cpp/cpu/direct/gradient/gradient_policy.hpp"

#include <algorithm>

#include "cpp/core/geometry.hpp"
#include "cpp/core/machine.hpp"

namespace faltung::direct {
namespace {

// The gradients of a box and the inputs loaded together: a quarter each of a second-level cache.
// Slices follow from it, and from those the order of sums.
std::int64_t cache_bytes() { return reference_cpu_machine().l2_bytes / 4; }
constexpr std::int64_t enough_units = 8;
constexpr std::int64_t max_sum_bytes = 64 * 1024 * 1024;

// Rows first: with whole rows a box reads least twice.
Box gradient_box(const ThreeAxes& t, std::int64_t max_outputs) {
  Box box = {1, 1, std::min(t.axes[2].output(), max_outputs)};
  for (const std::size_t a : {1u, 0u}) {
    const std::int64_t room = std::max<std::int64_t>(1, max_outputs / (box[0] * box[1] * box[2]));
    // Boxes of nearly the same size.
    const std::int64_t outputs = t.axes[a].output();
    box[a] = ceil_divide(outputs, ceil_divide(outputs, room));
    if (box[a] < outputs) break;
  }
  return box;
}

// Slices that give every thread work, beside the parts: a part reads all gradients again, which
// must cost little beside its products.
constexpr std::int64_t min_part_rows = 384;
std::int64_t part_limit(const Problem& p) {
  const std::int64_t rows = p.in_channels / p.groups * element_count(filter_extents(p));
  return std::clamp<std::int64_t>(rows / min_part_rows, 1, p.in_channels / p.groups);
}
std::int64_t wanted_slices(const Problem& p) {
  return ceil_divide(enough_units, part_limit(p) * p.groups);
}

// As many as the caches hold, but few enough that there are the slices wanted.
std::int64_t max_outputs(const Problem& p, std::int64_t bytes, bool channels_in_lanes) {
  if (!channels_in_lanes) return 2048;  // inputs and gradients stay in a first-level cache
  const std::int64_t outputs = element_count(output_extents(p)) * p.batch;
  const std::int64_t max = cache_bytes() / (p.out_channels / p.groups * bytes);
  return std::clamp<std::int64_t>(std::min(max, outputs / wanted_slices(p)), 256, 1024);
}

// Small images of at most two axes are taken together: their sums are read and written less often.
std::int64_t images_of_box(const Problem& p, const ThreeAxes& t, const Box& box,
                           std::int64_t outputs) {
  const bool whole = box[1] == t.axes[1].output() && box[2] == t.axes[2].output();
  if (p.rank() > 2 || !whole) return 1;
  const std::int64_t wanted = ceil_divide(p.batch, wanted_slices(p));
  return std::clamp<std::int64_t>(outputs / (box[1] * box[2]), 1, wanted);
}

}  // namespace

GradientPolicy choose_gradient(const Problem& p, std::int64_t lanes, std::int64_t bytes) {
  const ThreeAxes t(p);
  GradientPolicy policy{};
  policy.channels_in_lanes = 4 * (p.out_channels / p.groups) > lanes;
  const std::int64_t outputs = max_outputs(p, bytes, policy.channels_in_lanes);
  policy.box = gradient_box(t, outputs);
  policy.images = images_of_box(p, t, policy.box, outputs);
  return policy;
}

GradientCut cut_gradient(const Problem& p, const GradientPolicy& policy, std::int64_t boxes,
                         std::int64_t sum_bytes, std::int64_t channel_bytes) {
  GradientCut cut{};
  cut.slices =
      std::clamp<std::int64_t>(max_sum_bytes / sum_bytes, 1, std::min(boxes, 2 * wanted_slices(p)));
  const std::int64_t inputs = p.in_channels / p.groups;
  const std::int64_t parts =
      std::clamp<std::int64_t>(ceil_divide(enough_units, p.groups * cut.slices), 1, part_limit(p));
  cut.part_channels = ceil_divide(inputs, parts);
  cut.parts = ceil_divide(inputs, cut.part_channels);
  cut.shared_channels = std::clamp<std::int64_t>(cache_bytes() / channel_bytes, 1,
                                                 policy.channels_in_lanes ? cut.part_channels : 1);
  return cut;
}

}  // namespace faltung::direct
