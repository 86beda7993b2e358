#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/depthwise/gradient_window_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::depthwise {

template <typename T>
void launch_gradient_window(const Arguments& arguments, const WindowTiling& t, void* partial,
                            LaunchQueue stream) {
  const Geometry& g = arguments.geometry;
  const GradientRuns runs = gradient_window_runs(g, t);
  visit_value<3, 5, 7>(g.axis[2].filter, [&](auto size) {
    const std::int64_t shared =
        gradient_window_shared(t, window_rows(1, size(), sizeof(T)), window_columns<T>);
    launch(gradient_window_kernel<T, size()>,
           {.name = "depthwise_gradient_window",
            .grid = exact_grid(g.channels * runs.chunks),
            .block = static_cast<unsigned>(round_up(t.threads(), 32)),
            .shared_bytes = static_cast<std::size_t>(shared) * sizeof(T),
            .stream = stream},
           arguments, t, runs, Global<T>(static_cast<T*>(partial)));
  });
  launch_gradient_sum<T>(arguments, runs.chunks, partial, stream);
}

template void launch_gradient_window<float>(const Arguments&, const WindowTiling&, void*,
                                            LaunchQueue);
template void launch_gradient_window<double>(const Arguments&, const WindowTiling&, void*,
                                             LaunchQueue);

}  // namespace faltung::cuda::depthwise
