#include "cpp/cpu/axis_cut.hpp"

#include <algorithm>
#include <tuple>

#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/transposed.hpp"

namespace faltung {
namespace {

// Gives the axis the padding above with which it has so many outputs.
void set_outputs(Axis& axis, std::int64_t outputs) {
  axis.pad_hi =
      (outputs - 1) * axis.stride + axis.effective_filter() - axis.dilated_input() - axis.pad_lo;
}

std::int64_t first_tap(const Axis& axis, bool flip, Range taps) {
  return flip ? axis.filter - taps.first - taps.count : taps.first;
}

bool is_zero(const Boundary& boundary) { return boundary.kind == BoundaryKind::zero; }

auto key(const Axis& axis) {
  return std::tuple(axis.input, axis.filter, axis.input_dilation, axis.pad_lo, axis.pad_hi,
                    axis.below.kind, axis.above.kind);
}

}  // namespace

AxisCut::AxisCut(const Problem& p, std::size_t axis)
    : axis_(p.axes[axis]), flip_(p.flip && p.pass != Pass::backward_filter) {
  // A constant beyond another axis stands beside zeros put between elements, not beside those of
  // a boundary: the two must not be mixed up.
  crops_ = axis_.input_dilation == 1 || std::ranges::none_of(p.axes, [](const Axis& other) {
             return other.below.kind == BoundaryKind::constant ||
                    other.above.kind == BoundaryKind::constant;
           });
}

AxisPart AxisCut::window(Range outputs, Range taps) const {
  AxisPart part{.axis = axis_, .w = first_tap(axis_, flip_, taps), .y = outputs.first};
  Axis& axis = part.axis;
  axis.filter = taps.count;
  const std::int64_t start =
      outputs.first * axis.stride + taps.first * axis.dilation - axis_.pad_lo;
  const std::int64_t end = start + (outputs.count - 1) * axis.stride + axis.effective_filter();
  axis.pad_lo = -start;
  const bool zeros =
      (start >= 0 || is_zero(axis.below)) && (end <= axis_.dilated_input() || is_zero(axis.above));
  const std::int64_t first =
      std::clamp<std::int64_t>(ceil_divide(start, axis.input_dilation), 0, axis.input);
  const std::int64_t last =
      std::clamp<std::int64_t>(floor_divide(end - 1, axis.input_dilation) + 1, first, axis.input);
  if (zeros && crops_ && last > first) {
    part.x = first;
    axis.input = last - first;
    axis.pad_lo += first * axis.input_dilation;
    axis.below = axis.above = Boundary{};
  }
  set_outputs(axis, outputs.count);
  return part;
}

std::int64_t AxisCut::element_at(std::int64_t position) const {
  const std::int64_t index = axis_place(axis_, position).index;
  return index == outside || index % axis_.input_dilation != 0 ? outside
                                                               : index / axis_.input_dilation;
}

std::vector<Positions> AxisCut::positions(Range elements) const {
  std::vector<Positions> list{{.first = elements.first * axis_.input_dilation + axis_.pad_lo,
                               .count = elements.count,
                               .step = elements.count == 1 ? 1 : axis_.input_dilation,
                               .folded = false}};
  const auto add_frame = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t position = begin; position < end; ++position) {
      const std::int64_t element = element_at(position);
      if (element == outside || element < elements.first ||
          element >= elements.first + elements.count) {
        continue;
      }
      Positions& last = list.back();
      if (last.folded && last.first + last.count == position && last.count < elements.count) {
        ++last.count;
      } else {
        list.push_back({.first = position, .count = 1, .step = 1, .folded = true});
      }
    }
  };
  if (sends_back(axis_.below)) add_frame(0, std::min(axis_.pad_lo, extended_extent(axis_)));
  if (sends_back(axis_.above)) {
    add_frame(std::max<std::int64_t>(0, axis_.pad_lo + axis_.dilated_input()),
              extended_extent(axis_));
  }
  return list;
}

std::optional<AxisPart> AxisCut::spread(const Positions& to, Range taps) const {
  AxisPart part{.axis = axis_, .w = first_tap(axis_, flip_, taps)};
  Axis& axis = part.axis;
  axis.filter = taps.count;
  axis.input = to.count;
  axis.input_dilation = to.step;
  axis.below = axis.above = Boundary{};
  const std::int64_t first_tap_at = taps.first * axis.dilation;
  const std::int64_t reach = (to.count - 1) * to.step;
  part.y = std::max<std::int64_t>(
      0, ceil_divide(to.first - first_tap_at - axis.effective_filter() + 1, axis.stride));
  const std::int64_t end =
      std::min(axis_.output(), floor_divide(to.first + reach - first_tap_at, axis.stride) + 1);
  if (end <= part.y) return {};
  axis.pad_lo = to.first - part.y * axis.stride - first_tap_at;
  set_outputs(axis, end - part.y);
  return part;
}

bool comes_before(const Axis& a, const Axis& b) { return key(a) < key(b); }

}  // namespace faltung
