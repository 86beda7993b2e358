#pragma once

#include "cuda/depthwise/band_kernel.cuh"
#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::depthwise {

template <typename T, int strip, int steps>
void launch_band(const Arguments& arguments, const BandTiling& t, LaunchQueue stream) {
  const LaunchConfig config{
      .name = "depthwise_band",
      .grid = static_cast<unsigned>(divide_up(t.count, std::int64_t{t.groups} * t.run)),
      .block = 32 * band_warps,
      .shared_bytes = static_cast<std::size_t>(t.groups * band_group_size(t)) * sizeof(T),
      .stream = stream};
  launch(band_kernel<T, strip, steps>, config, arguments, t);
}

template <typename T, int steps>
void launch_band(const Arguments& arguments, const BandTiling& t, LaunchQueue stream) {
  if (t.strip == 1) return launch_band<T, 1, steps>(arguments, t, stream);
  if constexpr (steps <= band_plane_steps) {
    if (t.strip == 2) return launch_band<T, 2, steps>(arguments, t, stream);
    if constexpr (steps < 3) launch_band<T, 4, steps>(arguments, t, stream);
  }
}

template <typename T>
void launch_band(const Arguments& arguments, const BandTiling& t, LaunchQueue stream) {
  if (t.steps == 1) return launch_band<T, 1>(arguments, t, stream);
  if (t.steps == 2) return launch_band<T, 2>(arguments, t, stream);
  if (t.steps == 3) return launch_band<T, 3>(arguments, t, stream);
  if (t.steps == 5) return launch_band<T, 5>(arguments, t, stream);
  launch_band<T, 9>(arguments, t, stream);
}

}  // namespace faltung::cuda::depthwise
