#include "cuda/depthwise/channels_kernel.cuh"
#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::depthwise {
namespace {

template <typename T, int size, int stride>
void launch_one(const Arguments& arguments, const ChannelsTiling& t, LaunchQueue stream) {
  const LaunchConfig config{.name = "depthwise_channels",
                            .grid = static_cast<unsigned>(divide_up(t.count, t.run)),
                            .block = channels_threads,
                            .shared_bytes = 2 * static_cast<std::size_t>(t.tile_size) * 4,
                            .stream = stream};
  launch(channels_kernel<T, size, stride>, config, arguments, t);
}

template <typename T, int size>
void launch_size(const Arguments& arguments, const ChannelsTiling& t, LaunchQueue stream) {
  if (t.stride == 1) return launch_one<T, size, 1>(arguments, t, stream);
  launch_one<T, size, 2>(arguments, t, stream);
}

}  // namespace

template <typename T>
void launch_channels(const Arguments& arguments, const ChannelsTiling& t, LaunchQueue stream) {
  if (t.size == 3) return launch_size<T, 3>(arguments, t, stream);
  if (t.size == 5) return launch_size<T, 5>(arguments, t, stream);
  launch_size<T, 7>(arguments, t, stream);
}

template void launch_channels<Half>(const Arguments&, const ChannelsTiling&, LaunchQueue);
template void launch_channels<BFloat16>(const Arguments&, const ChannelsTiling&, LaunchQueue);
template void launch_channels<float>(const Arguments&, const ChannelsTiling&, LaunchQueue);

}  // namespace faltung::cuda::depthwise
