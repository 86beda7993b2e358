#include "cpp/cpu/direct/lowering.hpp"

#include <algorithm>
#include <complex>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "cpp/core/extended_axis.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/order.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/direct/phases/interleaved_task.hpp"
#endif
#include "cpp/cpu/simpler_problem.hpp"
#include "cpp/cpu/transposed.hpp"

namespace faltung::direct {
namespace {

bool is_depthwise(const Problem& p) {
  return p.groups == p.in_channels && p.groups == p.out_channels;
}

// A stride alone has phases of its own (PhaseTask), whatever the groups and the sums.
bool is_forward_in_disguise(const Problem& p) {
  if (!is_forward_transposed(p) || is_complex(p.accumulator)) return false;
  const bool dilated =
      std::ranges::any_of(p.axes, [](const Axis& a) { return a.input_dilation > 1; });
  return std::ranges::all_of(
      p.axes, [&](const Axis& axis) { return axis.stride == 1 || dilated || needs_order(p); });
}

// A stride of single channels, whose phases InterleavedTask sums side by side.
bool has_interleaved_phases(const Problem& p) {
#ifdef FALTUNG_HAVE_HIGHWAY
  return is_forward_transposed(p) && is_depthwise(p) && !is_complex(p.accumulator) &&
         is_interleaved(transposed(p));
#else
  static_cast<void>(p);
  return false;
#endif
}

bool needs_32_bits(const Problem& p) {
  return p.accumulator == DType::i64 && is_integer(p.result_dtype()) &&
         size_of(p.result_dtype()) <= 4 && p.overflow == Overflow::wrap && !p.epilogue.bias &&
         p.epilogue.activation == Activation::none();
}

// Where two axes are outside at once the first of them says which value stands there, or, if it is
// empty and sends back, that zero does.
bool order_matters_outside(const Problem& p) {
  std::optional<std::complex<double>> value;
  for (const Axis& axis : p.axes) {
    if (axis.input == 0) return true;
    for (const Boundary& side : {axis.below, axis.above}) {
      if (sends_back(side)) continue;
      if (value.value_or(side.value) != side.value) return true;
      value = side.value;
    }
  }
  return false;
}

// Axes from the slowest in memory to the fastest; empty if that is their order, or the order given
// is part of the definition. Where x and y differ the result decides: what a box reads is turned
// as it is loaded.
std::vector<std::size_t> memory_order(const Problem& p) {
  if (order_matters_outside(p)) return {};
  const TensorStrides x = x_strides(p), y = y_strides(p);
  std::vector<std::size_t> order(p.rank());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto distance = [](const TensorStrides& strides) {
    return [&](std::size_t axis) { return std::abs(strides.spatial[axis]); };
  };
  // But the last bit of a floating sum may decide what an integer wraps to: its order stays.
  const bool by_result =
      p.pass == Pass::forward && (!is_integer(p.output) || is_integer(p.accumulator));
  std::ranges::stable_sort(order, std::greater{}, distance(by_result ? y : x));
  const bool agreed = std::ranges::is_sorted(order, std::greater{}, distance(by_result ? x : y));
  return (agreed || by_result) && !std::ranges::is_sorted(order) ? order
                                                                 : std::vector<std::size_t>{};
}

Strides in_order(const Strides& strides, std::size_t first, const std::vector<std::size_t>& order) {
  Strides result = strides;
  for (std::size_t a = 0; a < order.size(); ++a) result[first + a] = strides[first + order[a]];
  return result;
}

// The same with its spatial axes exchanged.
Problem with_axes(const Problem& p, const std::vector<std::size_t>& order) {
  Problem q = p;
  const std::size_t first = p.layout == Layout::channels_last ? 1 : 2;
  const auto exchanged = [&](const Strides& strides, const Shape& shape) {
    return in_order(strides.empty() ? compact_strides(shape) : strides, first, order);
  };
  q.x_strides = exchanged(p.x_strides, p.x_shape());
  q.w_strides = exchanged(p.w_strides, p.w_shape());
  q.y_strides = exchanged(p.y_strides, p.y_shape());
  for (std::size_t a = 0; a < order.size(); ++a) q.axes[a] = p.axes[order[a]];
  return q;
}

// How many times the lanes of vectors along so many outputs the outputs are.
double lanes_for_one(const Problem& p, std::int64_t outputs) {
  const std::int64_t lanes = 64 / static_cast<std::int64_t>(size_of(p.accumulator));
  return static_cast<double>(ceil_divide(outputs, lanes) * lanes) / static_cast<double>(outputs);
}

// The images as one more axis, the slowest.
Problem with_images_as_axis(const Problem& p) {
  Problem q = p;
  const auto at = q.layout == Layout::channels_last ? 1 : 2;
  const auto more = [&](const Strides& strides, const Shape& shape, bool of_filter) {
    const Strides all = strides.empty() ? compact_strides(shape) : strides;
    Strides result;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i == static_cast<std::size_t>(at)) result.push_back(of_filter ? 1 : all[0]);
      result.push_back(all[i]);
    }
    return result;
  };
  q.x_strides = more(p.x_strides, p.x_shape(), false);
  q.w_strides = more(p.w_strides, p.w_shape(), true);
  q.y_strides = more(p.y_strides, p.y_shape(), false);
  q.batch = 1;
  q.axes.insert(q.axes.begin(), Axis{.input = p.batch});
  return q;
}

// Whether another axis may become the last.
bool may_turn(const Problem& p) {
  constexpr std::int64_t few_channels = 4;
  if (p.pass == Pass::backward_data || p.out_channels / p.groups >= few_channels ||
      p.separable > 0 || order_matters_outside(p)) {
    return false;
  }
  return p.groups == 1 || x_strides(p).channel != 1 || y_strides(p).channel != 1;
}

// The axis along which vectors of outputs should lie, if that is not the last.
std::optional<std::size_t> long_axis(const Problem& p) {
  constexpr std::int64_t many_outputs = 64;
  constexpr double gain = 2;  // what is read far apart takes longer
  std::size_t longest = p.rank() - 1;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    if (lanes_for_one(p, p.axes[a].output()) < lanes_for_one(p, p.axes[longest].output())) {
      longest = a;
    }
  }
  const std::int64_t outputs = p.axes[longest].output();
  if (outputs < many_outputs ||
      lanes_for_one(p, p.axes.back().output()) < gain * lanes_for_one(p, outputs)) {
    return {};
  }
  return longest;
}

// Whether the sums of a problem whose last axis becomes this one run over the taps in another
// order.
bool turns_taps(const Problem& p, std::size_t axis) {
  return p.axes[axis].filter > 1 &&
         std::any_of(p.axes.begin() + static_cast<std::ptrdiff_t>(axis) + 1, p.axes.end(),
                     [](const Axis& later) { return later.filter > 1; });
}

std::vector<std::size_t> ends_with(const Problem& p, std::size_t axis) {
  std::vector<std::size_t> order;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    if (a != axis) order.push_back(a);
  }
  order.push_back(axis);
  return order;
}

}  // namespace

Problem lowered(const Problem& p) {
  Problem q = is_forward_in_disguise(p) || has_interleaved_phases(p) ? transposed(p) : p;
  // The order of the axes is that of the sums.
  if (const auto order = memory_order(q); !order.empty() && !needs_order(q)) {
    q = with_axes(q, order);
  }
  if (needs_32_bits(q)) q.accumulator = DType::i32;
  return q;
}

Problem with_long_rows(const Problem& p) {
  constexpr std::int64_t small_image = 1024;
  if (!may_turn(p)) return p;
  // Small images are read together, too.
  const bool small = element_count(output_extents(p)) <= small_image;
  const Problem q = p.batch > 1 && p.rank() < 3 && small ? with_images_as_axis(p) : p;
  const auto longest = long_axis(q);
  if (!longest || (keeps_order_in_parts(p) && turns_taps(q, *longest))) return q;
  return with_axes(q, ends_with(q, *longest));
}

std::optional<TurnedRows> turned_rows(const Problem& p) {
  if (p.pass != Pass::forward || p.rank() > 3 || !may_turn(p) || !keeps_order_in_parts(p)) {
    return {};
  }
  const auto longest = long_axis(p);
  if (!longest || !turns_taps(p, *longest)) return {};
  return TurnedRows{with_axes(p, ends_with(p, *longest)), p.rank() == 3 && *longest == 0};
}

}  // namespace faltung::direct
