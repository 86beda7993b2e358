#include "cuda/rank/rank_lowering.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "cpp/core/rank_key.hpp"
#include "cpp/core/strided.hpp"

namespace faltung::cuda::rank {
namespace {

using faltung::rank::Window;

template <typename F>
void visit_real(DType type, const F& f) {
  visit_dtype(type, [&](auto element) {
    if constexpr (!is_complex(dtype_of<decltype(element)>)) f(element);
  });
}

std::uint64_t outside_key(DType type, const Boundary& boundary) {
  std::uint64_t key = 0;
  visit_real(type,
             [&](auto element) { key = faltung::rank::constant_key<decltype(element)>(boundary); });
  return key;
}

// All axes of x in their order, the key outside as the rule has it.
std::vector<Axis> axes_of(const ConstTensorView& x, const TensorView& y, const Window& window,
                          std::uint64_t flip) {
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    Axis axis;
    axis.extent = x.shape[i];
    axis.x_stride = x.strides[i];
    axis.y_stride = y.strides[i];
    axis.window = window.extent[i];
    axis.before = window.before[i];
    axis.kind = window.boundary[i].kind;
    axis.outside = outside_key(x.dtype, window.boundary[i]) ^ flip;
    axis.precedence = static_cast<int>(i);
    axes.push_back(axis);
  }
  return axes;
}

bool moves(const Axis& axis) { return axis.window > 1 || axis.before != 0; }

// Neighbours without windows that lie one behind the other as one; where each came from.
struct Joined {
  std::vector<Axis> axes;
  std::vector<int> from;
};
Joined joined(const std::vector<Axis>& axes) {
  Joined j;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Axis& axis = axes[i];
    if (!moves(axis) && axis.extent == 1) continue;
    if (!j.axes.empty() && !moves(axis) && !moves(j.axes.back())) {
      Axis& last = j.axes.back();
      if (last.x_stride == axis.x_stride * axis.extent &&
          last.y_stride == axis.y_stride * axis.extent) {
        const std::int64_t extent = last.extent * axis.extent;
        last = axis;
        last.extent = extent;
        continue;
      }
    }
    j.axes.push_back(axis);
    j.from.push_back(moves(axis) ? static_cast<int>(i) : -1);
  }
  return j;
}

std::int64_t distance(const Axis& axis) { return std::abs(axis.x_stride); }

}  // namespace

KeyRule key_rule(DType type, bool reversed) {
  KeyRule rule;
  const int bits = static_cast<int>(8 * size_of(type));
  const std::uint64_t all = ~std::uint64_t{0} >> (64 - bits);
  if (reversed) rule.flip = all;
  visit_real(type, [&](auto element) {
    using T = decltype(element);
    if constexpr (!is_integer(dtype_of<T>)) {
      using F = faltung::rank::detail::FloatBits<T>;
      rule.kind = KeyKind::floating;
      rule.sign = F::sign;
      rule.infinity = F::infinity;
      rule.quiet = F::quiet;
    } else if constexpr (static_cast<T>(-1) < T{0}) {
      rule.kind = KeyKind::biased;
      rule.sign = std::uint64_t{1} << (bits - 1);
    }
  });
  return rule;
}

std::optional<BoxGeometry> lower_to_boxes(const ConstTensorView& x, const TensorView& y,
                                          const Window& window, bool reversed,
                                          int (&order)[box_axes]) {
  BoxGeometry g;
  g.rule = key_rule(x.dtype, reversed);
  const Joined all = joined(axes_of(x, y, window, g.rule.flip));
  std::vector<std::size_t> chosen, rest;
  for (std::size_t i = 0; i < all.axes.size(); ++i) {
    (moves(all.axes[i]) ? chosen : rest).push_back(i);
  }
  if (chosen.size() > box_axes) return std::nullopt;
  // Those whose elements lie closest, so that threads side by side read neighbours.
  std::ranges::stable_sort(rest, [&](std::size_t a, std::size_t b) {
    return distance(all.axes[a]) < distance(all.axes[b]);
  });
  while (chosen.size() < box_axes && !rest.empty()) {
    chosen.push_back(rest.front());
    rest.erase(rest.begin());
  }
  std::ranges::stable_sort(chosen, [&](std::size_t a, std::size_t b) {
    return distance(all.axes[a]) > distance(all.axes[b]);
  });
  std::fill(order, order + box_axes, -1);
  const std::size_t first = box_axes - chosen.size();
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    g.axis[first + i] = all.axes[chosen[i]];
    order[first + i] = all.from[chosen[i]];
  }
  std::ranges::sort(rest);
  for (const std::size_t i : rest) g.other[g.others++] = all.axes[i];
  return g;
}

GatherGeometry lower_to_gather(const ConstTensorView& x, const TensorView& y, const Window& window,
                               std::vector<std::uint8_t>& inside) {
  GatherGeometry g;
  g.rule = key_rule(x.dtype, false);
  std::vector<Axis> axes = axes_of(x, y, window, 0);
  const auto longest = std::ranges::max_element(axes, {}, &Axis::window);
  if (longest != axes.end()) std::rotate(longest, longest + 1, axes.end());
  for (const Axis& axis : axes) g.axis[g.axes++] = axis;
  inside.clear();
  if (window.inside.empty()) return g;
  Strides strides = compact_strides(window.extent), permuted = strides;
  Shape extent = window.extent;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto from = static_cast<std::size_t>(axes[i].precedence);
    permuted[i] = strides[from];
    extent[i] = window.extent[from];
  }
  for_each_index(extent, [&](std::int64_t, const Extents& at) {
    inside.push_back(window.inside[static_cast<std::size_t>(offset_of(at, permuted))]);
  });
  return g;
}

std::vector<Run> runs_of(const Window& window, const int (&order)[box_axes]) {
  const Strides strides = compact_strides(window.extent);
  std::int32_t extent[box_axes];
  std::int64_t stride[box_axes];
  for (int i = 0; i < box_axes; ++i) {
    const auto axis = static_cast<std::size_t>(std::max(order[i], 0));
    extent[i] = order[i] < 0 ? 1 : static_cast<std::int32_t>(window.extent[axis]);
    stride[i] = order[i] < 0 ? 0 : strides[axis];
  }
  std::vector<Run> runs;
  for (std::int32_t z = 0; z < extent[0]; ++z) {
    for (std::int32_t y = 0; y < extent[1]; ++y) {
      bool running = false;
      for (std::int32_t x = 0; x < extent[2]; ++x) {
        const std::int64_t at = z * stride[0] + y * stride[1] + x * stride[2];
        const bool member = window.inside.empty() || window.inside[static_cast<std::size_t>(at)];
        if (member && !running) runs.push_back({z, y, x, 0});
        if (member) ++runs.back().length;
        running = member;
      }
    }
  }
  return runs;
}

}  // namespace faltung::cuda::rank
