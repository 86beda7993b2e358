#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/depthwise/depthwise_policy.hpp"
#include "cuda/depthwise/gradient_kernel.cuh"

namespace faltung::cuda::depthwise {

template <typename T>
void launch_gradient_sum(const Arguments& arguments, std::int64_t pieces, const void* partial,
                         LaunchQueue stream) {
  const Geometry& g = arguments.geometry;
  const int parts = gradient_parts(pieces);
  const std::int64_t blocks = divide_up(g.channels * g.taps(), gather_threads / parts);
  const LaunchConfig config{.name = "depthwise_gradient_sum",
                            .grid = grid_of(blocks),
                            .block = gather_threads,
                            .stream = stream};
  launch(gradient_sum_kernel<T>, config, arguments, pieces, parts,
         Global<const Sum<T>>(static_cast<const Sum<T>*>(partial)));
}

template <typename T>
void launch_gradient(const Arguments& arguments, const GradientCut& cut, void* partial,
                     LaunchQueue stream) {
  const Geometry& g = arguments.geometry;
  const Global<Sum<T>> sums(static_cast<Sum<T>*>(partial));
  const LaunchConfig first{.name = "depthwise_gradient",
                           .grid = grid_of(gradient_shares(g, cut)),
                           .block = {32, gradient_warps},
                           .stream = stream};
  launch(cut.block_channels > 1 ? gradient_kernel<T, true> : gradient_kernel<T, false>, first,
         arguments, cut, sums);
  launch_gradient_sum<T>(arguments, cut.chunks, partial, stream);
}

template void launch_gradient_sum<Half>(const Arguments&, std::int64_t, const void*, LaunchQueue);
template void launch_gradient_sum<BFloat16>(const Arguments&, std::int64_t, const void*,
                                            LaunchQueue);
template void launch_gradient_sum<float>(const Arguments&, std::int64_t, const void*, LaunchQueue);
template void launch_gradient_sum<double>(const Arguments&, std::int64_t, const void*, LaunchQueue);
template void launch_gradient<Half>(const Arguments&, const GradientCut&, void*, LaunchQueue);
template void launch_gradient<BFloat16>(const Arguments&, const GradientCut&, void*, LaunchQueue);
template void launch_gradient<float>(const Arguments&, const GradientCut&, void*, LaunchQueue);
template void launch_gradient<double>(const Arguments&, const GradientCut&, void*, LaunchQueue);

}  // namespace faltung::cuda::depthwise
