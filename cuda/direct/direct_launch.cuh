#pragma once

#include <algorithm>

#include "cuda/direct/direct_launch.hpp"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {

template <typename Acc>
void launch_direct(const Arguments& arguments, LaunchQueue stream) {
  const Tiling& t = arguments.tiling;
  constexpr std::int64_t max_blocks = 0x7fffffff;  // of a grid along x
  const LaunchConfig config{
      .name = t.dense ? "direct_kernel, dense" : "direct_kernel, sparse",
      .grid = static_cast<unsigned>(std::min(t.tiles, max_blocks)),
      .block = {static_cast<unsigned>(t.threads_x), static_cast<unsigned>(t.threads_y)},
      .shared_bytes = static_cast<std::size_t>(t.window_size + t.taps_size) * sizeof(Acc),
      .stream = stream};
  launch(t.dense ? direct_kernel<Acc, true> : direct_kernel<Acc, false>, config, arguments);
}

}  // namespace faltung::cuda::direct
