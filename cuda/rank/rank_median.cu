#include "cuda/rank/box_launch.cuh"
#include "cuda/rank/median_kernel.cuh"
#include "cuda/rank/rank_launch.hpp"

namespace faltung::cuda::rank {

void launch_median(const BoxGeometry& g, const Box& box, int key_bytes, const void* x, void* y,
                   LaunchQueue queue) {
  Square s;
  s.first = g.axis[0].window > 1 ? 0 : 1;
  s.second = g.axis[2].window > 1 ? 2 : 1;
  visit_keys(key_bytes, [&](auto zero) {
    using K = decltype(zero);
    const auto a = box_arguments<K>(g, box, x, y);
    const LaunchConfig config = box_config("rank median", a, 1, queue);
    if (g.axis[s.first].window == 3) {
      launch(median_kernel<K, 3>, config, a, s);
    } else {
      launch(median_kernel<K, 5>, config, a, s);
    }
  });
}

}  // namespace faltung::cuda::rank
