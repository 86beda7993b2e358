#include "cuda/direct/direct_launch.hpp"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::direct {

void start(const Arguments& arguments, const ChunkTiling& t, LaunchQueue stream) {
  const auto start_with = [&](auto zero) {
    using Acc = decltype(zero);
    launch(t.dense ? direct_kernel<Acc, true> : direct_kernel<Acc, false>,
           {.name = t.dense ? "direct_kernel, dense" : "direct_kernel, sparse",
            .grid = grid_of(t.blocks),
            .block = {static_cast<unsigned>(t.threads_x), static_cast<unsigned>(t.threads_y)},
            .shared_bytes = static_cast<std::size_t>(t.window_size + t.taps_size) * sizeof(Acc),
            .stream = stream},
           arguments, t);
  };
  visit_type<float, double, Complex<float>, Complex<double>, std::uint32_t, std::uint64_t>(
      arguments.accumulator, start_with);
}

}  // namespace faltung::cuda::direct
