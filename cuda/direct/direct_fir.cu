#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/fir_kernel.cuh"

namespace faltung::cuda::direct {

template <typename Acc>
void launch_fir(const Arguments& arguments, LaunchQueue stream) {
  const Tiling& t = arguments.tiling;
  const auto elements = static_cast<std::size_t>(2 * t.window_size + t.taps_size);
  launch(fir_kernel<Acc>,
         {.name = "fir_kernel",
          .grid = grid_of(t.blocks),
          .block = static_cast<unsigned>(t.threads_x),
          .shared_bytes = elements * sizeof(Acc),
          .stream = stream},
         arguments);
}

template void launch_fir<float>(const Arguments&, LaunchQueue);
template void launch_fir<double>(const Arguments&, LaunchQueue);
template void launch_fir<Complex<float>>(const Arguments&, LaunchQueue);

}  // namespace faltung::cuda::direct
