#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/depthwise/window_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::depthwise {

template <typename T>
void launch_window(const Arguments& arguments, const WindowTiling& t, LaunchQueue stream) {
  const Geometry& g = arguments.geometry;
  const int depth = static_cast<int>(g.axis[0].filter);
  const LaunchConfig config{
      .name = "depthwise_window",
      .grid = exact_grid(window_blocks(g, t)),
      .block = static_cast<unsigned>(round_up(t.threads(), 32)),
      .shared_bytes =
          static_cast<std::size_t>(window_stages(depth) * t.slots * t.tile_size) * sizeof(T),
      .stream = stream};
  if (depth == 3) return launch(window_kernel<T, 3, 3>, config, arguments, t);
  visit_value<3, 5, 7>(spread(g.axis[2]), [&](auto size) {
    launch(window_kernel<T, 1, size()>, config, arguments, t);
  });
}

template void launch_window<float>(const Arguments&, const WindowTiling&, LaunchQueue);
template void launch_window<double>(const Arguments&, const WindowTiling&, LaunchQueue);

}  // namespace faltung::cuda::depthwise
