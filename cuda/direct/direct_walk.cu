#include <algorithm>

#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/walk_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {

template <typename Acc>
void launch_walk(const Arguments& arguments, cudaStream_t stream) {
  constexpr std::int64_t most_blocks = 0x7fffffff;  // of a grid along x
  const std::int64_t blocks = divide_up(arguments.tiling.tiles, walk_warps);
  const LaunchConfig config{.name = "walk_kernel",
                            .grid = static_cast<unsigned>(std::min(blocks, most_blocks)),
                            .block = {32, walk_warps},
                            .stream = stream};
  switch (arguments.geometry.axis[2].filter) {
    case 3:
      return launch(walk_kernel<Acc, 3>, config, arguments);
    case 5:
      return launch(walk_kernel<Acc, 5>, config, arguments);
    default:
      if constexpr (sizeof(Acc) == 4) launch(walk_kernel<Acc, 7>, config, arguments);
  }
}

template void launch_walk<float>(const Arguments&, cudaStream_t);
template void launch_walk<double>(const Arguments&, cudaStream_t);

}  // namespace faltung::cuda::direct
