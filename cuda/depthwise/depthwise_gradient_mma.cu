#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/depthwise/gradient_mma_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::depthwise {

template <typename T>
void launch_gradient_mma(const Arguments& arguments, const GradientTiling& t, void* partial,
                         LaunchQueue stream) {
  visit_value<1, 4, 8>(t.tap_rows, [&](auto rows) {
    launch(gradient_mma_kernel<T, rows(), gradient_deltas(rows())>,
           {.name = "depthwise_gradient_mma",
            .grid = exact_grid(arguments.geometry.channels * t.chunks * t.grid_groups),
            .block = 32 * gradient_mma_warps,
            .shared_bytes = static_cast<std::size_t>(gradient_mma_shared(t)) * sizeof(T),
            .stream = stream},
           arguments, t, Global<float>(static_cast<float*>(partial)));
  });
  launch_gradient_sum<T>(arguments, t.chunks, partial, stream);
}

template void launch_gradient_mma<Half>(const Arguments&, const GradientTiling&, void*,
                                        LaunchQueue);
template void launch_gradient_mma<BFloat16>(const Arguments&, const GradientTiling&, void*,
                                            LaunchQueue);

}  // namespace faltung::cuda::depthwise
