#pragma once

#include "cuda/depthwise/band_kernel.cuh"
#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::depthwise {

template <typename T>
void launch_band(const Arguments& arguments, const BandTiling& t, LaunchQueue stream) {
  const LaunchConfig config{
      .name = "depthwise_band",
      .grid = exact_grid(divide_up(t.tiles, std::int64_t{t.groups} * t.run)),
      .block = 32 * band_warps,
      .shared_bytes = static_cast<std::size_t>(t.groups * band_group_size(t)) * sizeof(T),
      .stream = stream};
  visit_value<1, 2, 3, 5, 9>(t.steps, [&](auto steps) {
    constexpr int max = band_strips(steps());
    visit_value < 1,
        max<2 ? 1 : 2, max>(
            t.strip,
            [&](auto strip) { launch(band_kernel<T, strip(), steps()>, config, arguments, t); });
  });
}

}  // namespace faltung::cuda::depthwise
