#pragma once

#include <cstdint>

#include <faltung/problem.hpp>
#include "cpp/core/strided.hpp"

namespace faltung {

/// Strides of one tensor with the axes in a fixed order whatever the layout, in elements.
struct TensorStrides {
  std::int64_t outer = 0;    ///< batch of x and y, output channel of w
  std::int64_t channel = 0;  ///< channel of x and y, channel within the group of w
  Strides spatial;
};

/// @param shape    in layout order
/// @param strides  in layout order; empty = compact
inline TensorStrides tensor_strides(Layout layout, const Shape& shape, const Strides& strides) {
  const Strides all = strides.empty() ? compact_strides(shape) : strides;
  TensorStrides result;
  result.outer = all[0];
  const bool last = layout == Layout::channels_last;
  result.channel = last ? all.back() : all[1];
  for (std::size_t i = last ? 1 : 2; i < all.size() - (last ? 1 : 0); ++i) {
    result.spatial.push_back(all[i]);
  }
  return result;
}

inline TensorStrides x_strides(const Problem& p) {
  return tensor_strides(p.layout, p.x_shape(), p.x_strides);
}
inline TensorStrides w_strides(const Problem& p) {
  return tensor_strides(p.layout, p.w_shape(), p.w_strides);
}
inline TensorStrides y_strides(const Problem& p) {
  return tensor_strides(p.layout, p.y_shape(), p.y_strides);
}

/// Spatial extents alone, slowest axis first.
inline Shape input_extents(const Problem& p) {
  Shape shape;
  for (const Axis& axis : p.axes) shape.push_back(axis.input);
  return shape;
}
inline Shape filter_extents(const Problem& p) {
  Shape shape;
  for (const Axis& axis : p.axes) shape.push_back(axis.filter);
  return shape;
}
inline Shape output_extents(const Problem& p) {
  Shape shape;
  for (const Axis& axis : p.axes) shape.push_back(axis.output());
  return shape;
}

}  // namespace faltung
