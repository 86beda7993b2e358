#pragma once

#include "cuda/separable/plane_kernel.cuh"
#include "cuda/separable/separable_launch.hpp"
#include "cuda/separable/volume_kernel.cuh"

namespace faltung::cuda::separable {

template <typename Acc>
void start(const Arguments& arguments, const PlaneTiling& tiling, LaunchQueue stream) {
  launch(plane_kernel<Acc>,
         {.name = "plane_kernel",
          .grid = grid_of(tiling.blocks),
          .block = threads,
          .shared_bytes = static_cast<std::size_t>(shared_bytes(arguments.geometry, sizeof(Acc))),
          .stream = stream},
         arguments, tiling);
}

template <typename Acc, bool plain, int depth>
void launch_volume(const Arguments& arguments, const VolumeTiling& tiling, LaunchQueue stream) {
  const Geometry& g = arguments.geometry;
  if constexpr (depth < depths[3] && open_rows(sizeof(Acc), 2 * depth - 1, plain) >= 2) {
    if (g.axis[0].filter > depth) {
      return launch_volume<Acc, plain, 2 * depth - 1>(arguments, tiling, stream);
    }
  }
  launch(volume_kernel<Acc, depth, plain>,
         {.name = "volume_kernel",
          .grid = grid_of(tiling.blocks),
          .block = threads,
          .shared_bytes = static_cast<std::size_t>(volume_shared_bytes(g, sizeof(Acc), plain)),
          .stream = stream},
         arguments, tiling);
}

template <typename Acc>
void start(const Arguments& arguments, const VolumeTiling& tiling, LaunchQueue stream) {
  if (tiling.plain) return launch_volume<Acc, true, depths[0]>(arguments, tiling, stream);
  launch_volume<Acc, false, depths[0]>(arguments, tiling, stream);
}

template <typename Acc>
void launch_factors(const Arguments& arguments, Global<unsigned char> bound, LaunchQueue stream) {
  const Geometry& g = arguments.geometry;
  launch(factor_kernel<Acc>,
         {.name = "factor_kernel",
          .grid = grid_of(g.channels),
          .block = threads,
          .shared_bytes = static_cast<std::size_t>(bound_shared_bytes(g, sizeof(Acc))),
          .stream = stream},
         arguments, Global<Acc>(reinterpret_cast<Acc*>(bound.data())));
}

#define FALTUNG_SEPARABLE(Acc)                                                  \
  template void start<Acc>(const Arguments&, const PlaneTiling&, LaunchQueue);  \
  template void start<Acc>(const Arguments&, const VolumeTiling&, LaunchQueue); \
  template void launch_factors<Acc>(const Arguments&, Global<unsigned char>, LaunchQueue)

}  // namespace faltung::cuda::separable
