#include "cuda/rank/box_launch.cuh"
#include "cuda/rank/extremes_kernel.cuh"
#include "cuda/rank/rank_launch.hpp"

namespace faltung::cuda::rank {

void launch_extremes(const BoxGeometry& g, const Box& box, int key_bytes, const void* x, void* y,
                     LaunchQueue queue) {
  visit_keys(key_bytes, [&](auto zero) {
    using K = decltype(zero);
    const auto a = box_arguments<K>(g, box, x, y);
    launch(extremes_kernel<K>, box_config("rank extremes", a, 2, queue), a);
  });
}

}  // namespace faltung::cuda::rank
