#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/depthwise/gradient_window_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::depthwise {
namespace {

template <typename T, int size>
void launch_one(const Arguments& arguments, const WindowTiling& t, Global<T> partial,
                LaunchQueue stream) {
  const GradientRuns runs = gradient_window_runs(arguments.geometry, t);
  const std::int64_t shared =
      gradient_window_shared(t, window_rows(1, size, sizeof(T)), window_columns<T>);
  const LaunchConfig config{
      .name = "depthwise_gradient_window",
      .grid = static_cast<unsigned>(arguments.geometry.channels * runs.chunks),
      .block = static_cast<unsigned>(round_up(t.threads(), 32)),
      .shared_bytes = static_cast<std::size_t>(shared) * sizeof(T),
      .stream = stream};
  launch(gradient_window_kernel<T, size>, config, arguments, t, runs, partial);
}

}  // namespace

template <typename T>
void launch_gradient_window(const Arguments& arguments, const WindowTiling& t, void* partial,
                            LaunchQueue stream) {
  const Global<T> sums(static_cast<T*>(partial));
  const std::int64_t size = arguments.geometry.axis[2].filter;
  if (size == 3) {
    launch_one<T, 3>(arguments, t, sums, stream);
  } else if (size == 5) {
    launch_one<T, 5>(arguments, t, sums, stream);
  } else {
    launch_one<T, 7>(arguments, t, sums, stream);
  }
  launch_gradient_sum<T>(arguments, gradient_window_runs(arguments.geometry, t).chunks, partial,
                         stream);
}

template void launch_gradient_window<float>(const Arguments&, const WindowTiling&, void*,
                                            LaunchQueue);
template void launch_gradient_window<double>(const Arguments&, const WindowTiling&, void*,
                                             LaunchQueue);

}  // namespace faltung::cuda::depthwise
