#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/depthwise/window_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::depthwise {
namespace {

template <typename T, int depth, int size>
void launch_one(const Arguments& arguments, const WindowTiling& t, LaunchQueue stream) {
  const LaunchConfig config{
      .name = "depthwise_window",
      .grid = grid_of(window_blocks(arguments.geometry, t)),
      .block = static_cast<unsigned>(divide_up(t.threads(), 32) * 32),
      .shared_bytes =
          static_cast<std::size_t>(window_stages(depth) * t.slots * t.tile_size) * sizeof(T),
      .stream = stream};
  launch(window_kernel<T, depth, size>, config, arguments, t);
}

}  // namespace

template <typename T>
void launch_window(const Arguments& arguments, const WindowTiling& t, LaunchQueue stream) {
  const std::int64_t size = spread(arguments.geometry.axis[2]);
  if (arguments.geometry.axis[0].filter == 3) return launch_one<T, 3, 3>(arguments, t, stream);
  if (size == 3) return launch_one<T, 1, 3>(arguments, t, stream);
  if (size == 5) return launch_one<T, 1, 5>(arguments, t, stream);
  launch_one<T, 1, 7>(arguments, t, stream);
}

template void launch_window<float>(const Arguments&, const WindowTiling&, LaunchQueue);
template void launch_window<double>(const Arguments&, const WindowTiling&, LaunchQueue);

}  // namespace faltung::cuda::depthwise
