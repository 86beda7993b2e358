#pragma once

#include "cuda/direct/walk_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {

/// Starts one of the instances of walk_kernel, which files of their own compile.
template <typename Acc, typename In, bool general>
void launch_walk(const Arguments& arguments, const WalkTiling& t, LaunchQueue stream) {
  visit_value<3, 5, sizeof(Acc) == 4 ? 7 : 5>(arguments.geometry.axis[2].filter, [&](auto size) {
    launch(walk_kernel<Acc, In, size(), general>,
           {.name = "walk_kernel",
            .grid = grid_of(t.blocks),
            .block = {32, walk_warps},
            .stream = stream},
           arguments, t);
  });
}

#define FALTUNG_WALK(Acc, In, general) \
  template void launch_walk<Acc, In, general>(const Arguments&, const WalkTiling&, LaunchQueue)

}  // namespace faltung::cuda::direct
