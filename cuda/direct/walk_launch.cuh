#pragma once

#include <algorithm>

#include "cuda/direct/walk_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {

/// Starts one of the instances of walk_kernel, which files of their own compile.
template <typename Acc, typename In, bool general>
void launch_walk_of(const Arguments& arguments, LaunchQueue stream) {
  constexpr std::int64_t max_blocks = 0x7fffffff;  // of a grid along x
  const std::int64_t blocks = divide_up(arguments.tiling.tiles, walk_warps);
  const LaunchConfig config{.name = "walk_kernel",
                            .grid = static_cast<unsigned>(std::min(blocks, max_blocks)),
                            .block = {32, walk_warps},
                            .stream = stream};
  switch (arguments.geometry.axis[2].filter) {
    case 3:
      return launch(walk_kernel<Acc, In, 3, general>, config, arguments);
    case 5:
      return launch(walk_kernel<Acc, In, 5, general>, config, arguments);
    default:
      if constexpr (sizeof(Acc) == 4) launch(walk_kernel<Acc, In, 7, general>, config, arguments);
  }
}

}  // namespace faltung::cuda::direct
