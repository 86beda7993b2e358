#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/ordered_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::direct {

void start(const Arguments& arguments, const OrderedTiling& t, LaunchQueue stream) {
  visit_type<float, double>(arguments.accumulator, [&](auto zero) {
    using Acc = decltype(zero);
    launch(t.dense ? ordered_kernel<Acc, true> : ordered_kernel<Acc, false>,
           {.name = t.dense ? "ordered_kernel, dense" : "ordered_kernel, sparse",
            .grid = grid_of(t.blocks),
            .block = {static_cast<unsigned>(t.threads_x), static_cast<unsigned>(t.threads_y)},
            .shared_bytes = static_cast<std::size_t>(t.window_size + t.taps_size) * sizeof(Acc),
            .stream = stream},
           arguments, t);
  });
}

}  // namespace faltung::cuda::direct
