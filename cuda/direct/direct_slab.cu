#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/slab_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {

void launch_slab(const Arguments& arguments, cudaStream_t stream) {
  const LaunchConfig config{.name = "slab_kernel",
                            .grid = static_cast<unsigned>(arguments.tiling.blocks),
                            .block = {32, slab_rows},
                            .stream = stream};
  if (arguments.geometry.axis[0].filter == 3) return launch(slab_kernel<3>, config, arguments);
  launch(slab_kernel<5>, config, arguments);
}

}  // namespace faltung::cuda::direct
