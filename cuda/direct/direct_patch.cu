#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/patch_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::direct {

void start(const Arguments& arguments, const PatchTiling& t, LaunchQueue stream) {
  visit_value<7, 9, 11, 13, 15>(patch_width(arguments.geometry.axis[2].filter), [&](auto width) {
    launch(patch_kernel<width()>,
           {.name = "patch_kernel",
            .grid = grid_of(t.blocks),
            .block = {32, patch_warps},
            .shared_bytes = static_cast<std::size_t>(t.window_size + t.taps_size) * sizeof(float),
            .stream = stream},
           arguments, t);
  });
}

}  // namespace faltung::cuda::direct
