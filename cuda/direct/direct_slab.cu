#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/slab_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::direct {

void start(const Arguments& arguments, const SlabTiling& t, LaunchQueue stream) {
  visit_value<3, 5>(arguments.geometry.axis[0].filter, [&](auto size) {
    launch(t.general ? slab_kernel<size(), true> : slab_kernel<size(), false>,
           {.name = "slab_kernel",
            .grid = grid_of(t.blocks),
            .block = {32, slab_warps},
            .stream = stream},
           arguments, t);
  });
}

}  // namespace faltung::cuda::direct
