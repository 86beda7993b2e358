#include "cuda/depthwise/channels_kernel.cuh"
#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::depthwise {

template <typename T>
void launch_channels(const Arguments& arguments, const ChannelsTiling& t, LaunchQueue stream) {
  visit_value<3, 5, 7>(t.size, [&](auto size) {
    launch(t.stride == 1 ? channels_kernel<T, size(), 1> : channels_kernel<T, size(), 2>,
           {.name = "depthwise_channels",
            .grid = exact_grid(divide_up(t.tiles, t.run)),
            .block = channels_threads,
            .shared_bytes = 2 * static_cast<std::size_t>(t.tile_size) * 4,
            .stream = stream},
           arguments, t);
  });
}

template void launch_channels<Half>(const Arguments&, const ChannelsTiling&, LaunchQueue);
template void launch_channels<BFloat16>(const Arguments&, const ChannelsTiling&, LaunchQueue);
template void launch_channels<float>(const Arguments&, const ChannelsTiling&, LaunchQueue);

}  // namespace faltung::cuda::depthwise
