#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/extended_axis.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/cpu/element_rows.hpp"

namespace faltung {

/// Whether f holds for the boundaries of an axis that its outputs meet.
template <typename F>
bool all_met(const Axis& axis, F&& f) {
  const std::int64_t above = extended_extent(axis) - axis.pad_lo - axis.dilated_input();
  return (axis.pad_lo <= 0 || f(axis.below)) && (above <= 0 || f(axis.above));
}

/// What stands at a position of an extended axis.
struct AxisPlace {
  std::int64_t index;        ///< along the dilated axis, or `outside`
  const Boundary* boundary;  ///< that beyond the nearer end
};

/// @param position  0 is where output 0 meets tap 0
inline AxisPlace axis_place(const Axis& axis, std::int64_t position) {
  const std::int64_t i = position - axis.pad_lo;
  const Boundary& boundary = i < 0 ? axis.below : axis.above;
  return {extend_index(boundary.kind, i, axis.dilated_input()), &boundary};
}

/// Walks `count` positions of an extended axis, `step` apart, of which the first is `first`;
/// position 0 is where output 0 meets tap 0. Positions where nothing stands are passed over.
///
/// @param elements  called with (i, i_step, n, index, index_step): the walk's places i, i + i_step,
///                  ... hold the input elements index, index + index_step, ... (n of them)
/// @param constant  called with (i, boundary) where a constant stands
template <typename Elements, typename Constant>
void walk_axis(const Axis& axis, std::int64_t first, std::int64_t step, std::int64_t count,
               Elements&& elements, Constant&& constant) {
  const std::int64_t extent = axis.dilated_input();
  const std::int64_t start = first - axis.pad_lo;
  const std::int64_t begin = std::clamp<std::int64_t>(ceil_divide(-start, step), 0, count);
  const std::int64_t end =
      std::clamp<std::int64_t>(ceil_divide(extent - start, step), begin, count);
  const auto frame = [&](std::int64_t from, std::int64_t to, const Boundary& boundary) {
    if (boundary.kind == BoundaryKind::zero) return;
    for (std::int64_t i = from; i < to; ++i) {
      const std::int64_t j = axis_place(axis, first + i * step).index;
      if (j == outside) {
        if (boundary.kind == BoundaryKind::constant) constant(i, boundary);
      } else if (j % axis.input_dilation == 0) {
        elements(i, 1, 1, j / axis.input_dilation, 0);
      }
    }
  };
  frame(0, begin, axis.below);
  // Within the input the map is affine; with input dilation every period-th place hits an element.
  const std::int64_t period = axis.input_dilation / std::gcd(axis.input_dilation, step);
  std::int64_t i = begin;
  while (i < std::min(end, begin + period) && (start + i * step) % axis.input_dilation != 0) ++i;
  if (i < std::min(end, begin + period)) {
    elements(i, period, ceil_divide(end - i, period), (start + i * step) / axis.input_dilation,
             step * period / axis.input_dilation);
  }
  frame(end, count, axis.above);
}

/// What the slower axes make of a row of the extended input.
struct RowPlace {
  enum class Kind : std::uint8_t {
    nothing,   ///< zeros that contribute nothing
    constant,  ///< `boundary->value` everywhere
    between,   ///< between dilated elements: only constants beyond the ends of the row
    elements   ///< the row that starts `offset` elements into the image
  };
  Kind kind = Kind::elements;
  const Boundary* boundary = nullptr;  ///< that decides, if the row is outside
  std::int64_t offset = 0;
};

/// The row at these positions of the axes before the last. As in the definition, the slowest axis
/// that is outside decides.
///
/// @param strides  of the image, in elements, one for each axis
template <typename Axes, typename Steps, typename Positions>
RowPlace row_place(const Axes& axes, const Steps& strides, const Positions& position) {
  RowPlace place;
  for (std::size_t a = 0; a < position.size(); ++a) {
    const auto [j, boundary] = axis_place(axes[a], position[a]);
    if (j == outside) {
      const bool constant = boundary->kind == BoundaryKind::constant;
      return {constant ? RowPlace::Kind::constant : RowPlace::Kind::nothing, boundary};
    }
    const std::int64_t dilation = axes[a].input_dilation;
    if (dilation == 1) {  // boxes ask for every row: divisions would be felt
      place.offset += j * strides[a];
      continue;
    }
    if (j % dilation != 0) place.kind = RowPlace::Kind::between;
    place.offset += j / dilation * strides[a];
  }
  return place;
}

/// Positions o stride + r dilation of all axes but the last.
inline Extents row_position(const Problem& p, const Extents& o, const Extents& r) {
  Extents position;
  for (std::size_t a = 0; a + 1 < p.rank(); ++a) {
    position.push_back(o[a] * p.axes[a].stride + r[a] * p.axes[a].dilation);
  }
  return position;
}

/// Reads rows of the extended input as accumulators: the one place where the engines meet the
/// boundary rules. The image is never copied with its frame.
template <typename Acc>
class ExtendedInput {
 public:
  /// @param strides  of x, one for each spatial axis
  ExtendedInput(const Problem& p, const Strides& strides)
      : axis_(p.axes.back()),
        load_(load_row<Acc>(p.input)),
        stride_(strides.back()),
        input_(p.input) {}

  /// Writes `count` values, `step` positions apart, and 0 where nothing stands.
  ///
  /// @param image  the first element of one channel of one image
  void load(const void* image, std::int64_t image_offset, const RowPlace& place, std::int64_t first,
            std::int64_t step, std::int64_t count, Acc* to) const {
    if (place.kind == RowPlace::Kind::constant) {
      std::fill_n(to, count, as_element<Acc>(place.boundary->value, input_));
      return;
    }
    std::fill_n(to, count, Acc(0));
    if (place.kind == RowPlace::Kind::nothing) return;
    walk_axis(
        axis_, first, step, count,
        [&](std::int64_t i, std::int64_t i_step, std::int64_t n, std::int64_t index,
            std::int64_t index_step) {
          if (place.kind != RowPlace::Kind::elements) return;
          load_(image, image_offset + place.offset + index * stride_, index_step * stride_, n,
                to + i, i_step);
        },
        [&](std::int64_t i, const Boundary& boundary) {
          to[i] = as_element<Acc>(boundary.value, input_);
        });
  }

 private:
  Axis axis_;
  LoadRow<Acc> load_;
  std::int64_t stride_;
  DType input_;
};

/// The adjoint of ExtendedInput::load: adds every value to the element that stands at its place.
///
/// @param image  compact; `place` must have been asked with its strides
template <typename Acc>
void fold_row(const Axis& axis, const RowPlace& place, const Acc* values, std::int64_t first,
              std::int64_t step, std::int64_t count, Acc* image) {
  if (place.kind != RowPlace::Kind::elements) return;
  Acc* row = image + place.offset;
  walk_axis(
      axis, first, step, count,
      [&](std::int64_t i, std::int64_t i_step, std::int64_t n, std::int64_t index,
          std::int64_t index_step) {
        for (std::int64_t t = 0; t < n; ++t) {
          row[index + t * index_step] += values[i + t * i_step];
        }
      },
      [](std::int64_t, const Boundary&) {});
}

}  // namespace faltung
