#include "cuda/rank/box_launch.cuh"
#include "cuda/rank/gather_kernel.cuh"
#include "cuda/rank/rank_launch.hpp"
#include "cuda/rank/select_kernel.cuh"

namespace faltung::cuda::rank {

void launch_select(const BoxGeometry& g, const Box& box, int key_bytes, const Run* runs,
                   std::int64_t run_count, std::int64_t members, std::int64_t rank, const void* x,
                   void* y, LaunchQueue queue) {
  Members m;
  m.runs = Global<const Run>(runs);
  m.count = static_cast<int>(run_count);
  m.all = static_cast<int>(members);
  m.rank = static_cast<int>(rank);
  visit_keys(key_bytes, [&](auto zero) {
    using K = decltype(zero);
    const auto a = box_arguments<K>(g, box, x, y);
    launch(select_kernel<K>, box_config("rank select", a, 1, queue), a, m);
  });
}

void launch_gather(const GatherGeometry& g, int key_bytes, const std::uint8_t* inside,
                   std::int64_t members, std::int64_t rank, const void* x, void* y,
                   LaunchQueue queue) {
  visit_keys(key_bytes, [&](auto zero) {
    using K = decltype(zero);
    GatherArguments<K> a;
    a.g = g;
    for (int i = 0; i < g.axes; ++i) {
      a.results *= g.axis[i].extent;
      if (i + 1 < g.axes) a.places *= g.axis[i].window;
    }
    a.members = members;
    a.rank = rank;
    a.inside = Global<const std::uint8_t>(inside);
    a.x = Global<const K>(static_cast<const K*>(x));
    a.y = Global<K>(static_cast<K*>(y));
    launch(gather_kernel<K>,
           {.name = "rank gather",
            .grid = grid_of((a.results + threads - 1) / threads),
            .block = threads,
            .stream = queue},
           a);
  });
}

}  // namespace faltung::cuda::rank
