#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/depthwise/depthwise_policy.hpp"
#include "cuda/depthwise/gather_kernel.cuh"

namespace faltung::cuda::depthwise {

template <typename T>
void launch_gather(const Arguments& arguments, LaunchQueue stream) {
  const Geometry& g = arguments.geometry;
  const LaunchConfig config{
      .name = "depthwise_gather",
      .grid = grid_of(divide_up(g.batch * g.channels * g.positions(), gather_threads)),
      .block = gather_threads,
      .stream = stream};
  launch(gather_kernel<T>, config, arguments);
}

template void launch_gather<Half>(const Arguments&, LaunchQueue);
template void launch_gather<BFloat16>(const Arguments&, LaunchQueue);
template void launch_gather<float>(const Arguments&, LaunchQueue);
template void launch_gather<double>(const Arguments&, LaunchQueue);

}  // namespace faltung::cuda::depthwise
