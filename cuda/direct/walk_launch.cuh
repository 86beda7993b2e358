#pragma once

#include "cuda/direct/walk_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {

/// Starts one of the instances of walk_kernel, which files of their own compile.
template <typename Acc, typename In, bool general>
void launch_walk_of(const Arguments& arguments, LaunchQueue stream) {
  visit_value<3, 5, sizeof(Acc) == 4 ? 7 : 5>(arguments.geometry.axis[2].filter, [&](auto size) {
    launch(walk_kernel<Acc, In, size(), general>,
           {.name = "walk_kernel",
            .grid = grid_of(divide_up(arguments.tiling.tiles, walk_warps)),
            .block = {32, walk_warps},
            .stream = stream},
           arguments);
  });
}

}  // namespace faltung::cuda::direct
