#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/patch_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {

void launch_patch(const Arguments& arguments, LaunchQueue stream) {
  const Tiling& t = arguments.tiling;
  const LaunchConfig config{
      .name = "patch_kernel",
      .grid = static_cast<unsigned>(t.blocks),
      .block = {32, patch_warps},
      .shared_bytes = static_cast<std::size_t>(t.window_size + t.taps_size) * sizeof(float),
      .stream = stream};
  switch (patch_width(arguments.geometry.axis[2].filter)) {
    case 7:
      return launch(patch_kernel<7>, config, arguments);
    case 9:
      return launch(patch_kernel<9>, config, arguments);
    case 11:
      return launch(patch_kernel<11>, config, arguments);
    case 13:
      return launch(patch_kernel<13>, config, arguments);
    default:
      return launch(patch_kernel<15>, config, arguments);
  }
}

}  // namespace faltung::cuda::direct
