#include "cpp/cpu/rank/rank_filter.hpp"

#include <algorithm>
#include <string>

#include "cpp/core/machine.hpp"
#include "cpp/core/memory_guard.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/cpu/rank/histogram.hpp"
#include "cpp/cpu/rank/rank_policy.hpp"
#include "cpp/cpu/rank/ways.hpp"

namespace faltung::rank {
namespace {

template <typename K>
WayPlan<K> plan_quickest(const ConstTensorView& x, const TensorView& y, const Window& window) {
  WayPlan<K> best;
  for (const Way way : {Way::network, Way::histogram, Way::ordinal}) {
    if (!can_filter(x.dtype, window, way)) continue;
    WayPlan<K> plan = plan_way<K>(x, y, window, way);
    if (best.make_worker == nullptr || plan.cycles < best.cycles) best = std::move(plan);
  }
  return best;
}

template <typename T>
void run(const ConstTensorView& x, const TensorView& y, const Window& window, Way way) {
  using K = Key<T>;
  const WayPlan<K> plan =
      with_memory("the members of a window", 16 * static_cast<std::uint64_t>(window.members), [&] {
        return way == Way::automatic ? plan_quickest<K>(x, y, window)
                                     : plan_way<K>(x, y, window, way);
      });
  const Tiling& tiling = *plan.tiling;
  const double microseconds =
      1e-3 * plan.cycles * cpu_machine().cycle_ns() * static_cast<double>(element_count(x.shape));
  const int slots = plan_threads(tiling.tiles, microseconds);

  struct Thread {
    typename WayPlan<K>::Worker work;
    std::unique_ptr<K[], AlignedDelete<K>> keys, results;
  };
  const std::uint64_t bytes =
      plan.worker_bytes + static_cast<std::uint64_t>(tiling.keys + tiling.results) * sizeof(K);
  const auto threads =
      with_memory("a part of the image", bytes * static_cast<std::uint64_t>(slots), [&] {
        std::vector<Thread> made(static_cast<std::size_t>(slots));
        for (Thread& thread : made) {
          thread = {plan.make_worker(), make_keys<K>(tiling.keys), make_keys<K>(tiling.results)};
        }
        return made;
      });
  parallel_for(tiling.tiles, slots, [&](std::int64_t index, int slot) {
    const Thread& thread = threads[static_cast<std::size_t>(slot)];
    const Tile tile = tile_at(tiling, index);
    gather<T>(plan.ordered.x, tiling, tile, thread.keys.get());
    thread.work(thread.keys.get(), tile, thread.results.get());
    scatter<T>(thread.results.get(), tiling, tile, plan.ordered.y);
  });
}

}  // namespace

std::string_view name(Way way) noexcept {
  constexpr std::string_view names[] = {"automatic", "network", "histogram", "ordinal"};
  return names[static_cast<std::size_t>(way)];
}

bool can_filter(DType type, const Window& window, Way way) {
  switch (way) {
    case Way::network:
      return window.members <= max_network_members;
    case Way::histogram:
      return size_of(type) == 1 && window.members <= max_counted &&
             window.members == element_count(window.extent) &&
             std::ranges::count_if(window.extent, [](auto extent) { return extent > 1; }) <= 2;
    case Way::automatic:
    case Way::ordinal:
      break;
  }
  return true;
}

void filter(const ConstTensorView& x, const TensorView& y, const Window& window, Way way) {
  if (element_count(x.shape) == 0) return;
  visit_dtype(x.dtype, [&](auto element) {
    if constexpr (!is_complex(dtype_of<decltype(element)>)) {
      run<decltype(element)>(x, y, window, way);
    }
  });
}

}  // namespace faltung::rank
