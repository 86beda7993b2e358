#pragma once

#include "cpp/core/geometry.hpp"

namespace faltung {

/// The strides of a tensor in the order of its layout.
[[nodiscard]] inline Strides layout_strides(Layout layout, const TensorStrides& strides) {
  Strides all{strides.outer};
  if (layout == Layout::channels_first) all.push_back(strides.channel);
  for (const std::int64_t step : strides.spatial) all.push_back(step);
  if (layout == Layout::channels_last) all.push_back(strides.channel);
  return all;
}

}  // namespace faltung
