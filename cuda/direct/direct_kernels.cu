#include "cuda/direct/direct_launch.hpp"

// All types in one file: each would parse the same headers four times, and its kernels take less.
namespace faltung::cuda::direct {

template <typename Acc>
void launch_direct(const Arguments& arguments, LaunchQueue stream) {
  const Tiling& t = arguments.tiling;
  const LaunchConfig config{
      .name = t.dense ? "direct_kernel, dense" : "direct_kernel, sparse",
      .grid = grid_of(t.tiles),
      .block = {static_cast<unsigned>(t.threads_x), static_cast<unsigned>(t.threads_y)},
      .shared_bytes = static_cast<std::size_t>(t.window_size + t.taps_size) * sizeof(Acc),
      .stream = stream};
  launch(t.dense ? direct_kernel<Acc, true> : direct_kernel<Acc, false>, config, arguments);
}

template void launch_direct<float>(const Arguments&, LaunchQueue);
template void launch_direct<double>(const Arguments&, LaunchQueue);
template void launch_direct<Complex<float>>(const Arguments&, LaunchQueue);
template void launch_direct<Complex<double>>(const Arguments&, LaunchQueue);
template void launch_direct<std::uint32_t>(const Arguments&, LaunchQueue);
template void launch_direct<std::uint64_t>(const Arguments&, LaunchQueue);

}  // namespace faltung::cuda::direct
