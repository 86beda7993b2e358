#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/slab_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {

void launch_slab(const Arguments& arguments, LaunchQueue stream) {
  const LaunchConfig config{.name = "slab_kernel",
                            .grid = static_cast<unsigned>(arguments.tiling.blocks),
                            .block = {32, slab_warps},
                            .stream = stream};
  const auto start = [&](auto* plain, auto* general) {
    launch(arguments.tiling.general ? general : plain, config, arguments);
  };
  if (arguments.geometry.axis[0].filter == 3) {
    return start(slab_kernel<3, false>, slab_kernel<3, true>);
  }
  start(slab_kernel<5, false>, slab_kernel<5, true>);
}

}  // namespace faltung::cuda::direct
