#pragma once

#include "cuda/depthwise/depthwise_geometry.hpp"

namespace faltung::cuda::depthwise {

/// Compact results of one filter tap, for tests of tilings.
inline Geometry small_geometry(std::int64_t z, std::int64_t y, std::int64_t x, std::int64_t batch,
                               std::int64_t channels, bool channels_last) {
  Geometry g;
  g.axis[0].output = z;
  g.axis[1].output = y;
  g.axis[2].output = x;
  g.batch = batch;
  g.channels = channels;
  g.channels_last = channels_last;
  const std::int64_t step = channels_last ? channels : 1;
  g.y_channel = channels_last ? 1 : x * y * z;
  g.axis[2].y_stride = step;
  g.axis[1].y_stride = step * x;
  g.axis[0].y_stride = step * x * y;
  g.y_batch = channels * x * y * z;
  return g;
}

}  // namespace faltung::cuda::depthwise
