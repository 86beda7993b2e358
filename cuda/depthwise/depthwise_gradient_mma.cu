#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/depthwise/gradient_mma_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::depthwise {
namespace {

template <typename T, int tap_rows>
void launch_one(const Arguments& arguments, const GradientTiling& t, Global<float> partial,
                LaunchQueue stream) {
  const LaunchConfig config{
      .name = "depthwise_gradient_mma",
      .grid = static_cast<unsigned>(arguments.geometry.channels * t.chunks * t.grid_groups),
      .block = 32 * gradient_mma_warps,
      .shared_bytes = static_cast<std::size_t>(gradient_mma_shared(t)) * sizeof(T),
      .stream = stream};
  launch(gradient_mma_kernel<T, tap_rows, gradient_deltas(tap_rows)>, config, arguments, t,
         partial);
}

}  // namespace

template <typename T>
void launch_gradient_mma(const Arguments& arguments, const GradientTiling& t, void* partial,
                         LaunchQueue stream) {
  const Global<float> sums(static_cast<float*>(partial));
  if (t.tap_rows == 1) {
    launch_one<T, 1>(arguments, t, sums, stream);
  } else if (t.tap_rows == 4) {
    launch_one<T, 4>(arguments, t, sums, stream);
  } else {
    launch_one<T, 8>(arguments, t, sums, stream);
  }
  launch_gradient_sum<T>(arguments, t.chunks, partial, stream);
}

template void launch_gradient_mma<Half>(const Arguments&, const GradientTiling&, void*,
                                        LaunchQueue);
template void launch_gradient_mma<BFloat16>(const Arguments&, const GradientTiling&, void*,
                                            LaunchQueue);

}  // namespace faltung::cuda::depthwise
