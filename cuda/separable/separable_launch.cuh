#pragma once

#include "cuda/runtime/launch.hpp"
#include "cuda/separable/plane_kernel.cuh"
#include "cuda/separable/separable_launch.hpp"
#include "cuda/separable/volume_kernel.cuh"

namespace faltung::cuda::separable {

template <typename Acc, bool plain, int depth>
void launch_volume(LaunchConfig config, const Arguments& arguments) {
  const Geometry& g = arguments.geometry;
  if constexpr (depth < depths[3] && open_rows(sizeof(Acc), 2 * depth - 1, plain) >= 2) {
    if (g.axis[0].filter > depth) {
      return launch_volume<Acc, plain, 2 * depth - 1>(config, arguments);
    }
  }
  config.name = "volume_kernel";
  config.shared_bytes = static_cast<std::size_t>(volume_shared_bytes(g, sizeof(Acc), plain));
  launch(volume_kernel<Acc, depth, plain>, config, arguments);
}

template <typename Acc>
void launch_separable(const Arguments& arguments, LaunchQueue stream) {
  LaunchConfig config{.name = "plane_kernel",
                      .grid = grid_of(arguments.strips.count),
                      .block = threads,
                      .stream = stream};
  if (!arguments.volume) {
    config.shared_bytes = static_cast<std::size_t>(shared_bytes(arguments.geometry, sizeof(Acc)));
    return launch(plane_kernel<Acc>, config, arguments);
  }
  if (arguments.plain) return launch_volume<Acc, true, depths[0]>(config, arguments);
  launch_volume<Acc, false, depths[0]>(config, arguments);
}

template <typename Acc>
void launch_factors(const Arguments& arguments, Global<unsigned char> bound, LaunchQueue stream) {
  const Geometry& g = arguments.geometry;
  const LaunchConfig config{
      .name = "factor_kernel",
      .grid = grid_of(g.channels),
      .block = threads,
      .shared_bytes = static_cast<std::size_t>(bound_shared_bytes(g, sizeof(Acc))),
      .stream = stream};
  launch(factor_kernel<Acc>, config, arguments, Global<Acc>(reinterpret_cast<Acc*>(bound.data())));
}

}  // namespace faltung::cuda::separable
