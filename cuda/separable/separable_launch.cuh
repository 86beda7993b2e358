#pragma once

#include <algorithm>

#include "cuda/runtime/launch.hpp"
#include "cuda/separable/plane_kernel.cuh"
#include "cuda/separable/separable_launch.hpp"

namespace faltung::cuda::separable {

template <typename Acc>
void launch_separable(const Arguments& arguments, cudaStream_t stream) {
  constexpr std::int64_t most_blocks = 0x7fffffff;  // of a grid along x
  const LaunchConfig config{
      .name = "plane_kernel",
      .grid = static_cast<unsigned>(std::min(arguments.strips.count, most_blocks)),
      .block = threads,
      .shared_bytes = static_cast<std::size_t>(shared_bytes(arguments.geometry, sizeof(Acc))),
      .stream = stream};
  launch(plane_kernel<Acc>, config, arguments);
}

}  // namespace faltung::cuda::separable
