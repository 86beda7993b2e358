#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/fir_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::direct {

void start(const Arguments& arguments, const FirTiling& t, LaunchQueue stream) {
  visit_type<float, double, Complex<float>>(arguments.accumulator, [&](auto zero) {
    const auto elements = static_cast<std::size_t>(2 * t.window_size + t.taps_size);
    launch(fir_kernel<decltype(zero)>,
           {.name = "fir_kernel",
            .grid = grid_of(t.blocks),
            .block = static_cast<unsigned>(t.threads),
            .shared_bytes = elements * sizeof zero,
            .stream = stream},
           arguments, t);
  });
}

}  // namespace faltung::cuda::direct
