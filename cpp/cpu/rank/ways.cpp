#include "cpp/cpu/rank/ways.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "cpp/core/strided.hpp"
#include "cpp/cpu/rank/histogram.hpp"
#include "cpp/cpu/rank/network.hpp"
#include "cpp/cpu/rank/ordinal.hpp"
#include "cpp/cpu/rank/rank_policy.hpp"

namespace faltung::rank {
namespace {

// The last axis is the one that results share most along: for networks a long one, so that vectors
// are full; for the others the one along which fewest members enter and leave.
std::vector<std::size_t> axis_order(const ConstTensorView& x, const Window& window, Way way) {
  constexpr std::int64_t long_row = 128;
  std::vector<std::size_t> order(x.shape.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t axis) {
    const std::int64_t extent = window.extent[axis];
    const bool neighbours = std::abs(x.strides[axis]) == 1;
    return std::array<std::int64_t, 4>{
        way == Way::network ? std::min(x.shape[axis], long_row) : extent, extent > 1 ? 1 : 0,
        neighbours ? 1 : 0, x.shape[axis]};
  });
  return order;
}

Ordered order_axes(const ConstTensorView& x, const TensorView& y, const Window& window, Way way) {
  Ordered result{.x = x, .y = y, .axes = {}, .order = axis_order(x, window, way)};
  for (std::size_t i = 0; i < result.order.size(); ++i) {
    const std::size_t axis = result.order[i];
    result.axes.push_back(
        {x.shape[axis], window.extent[axis], window.before[axis], window.boundary[axis], axis});
    result.x.shape[i] = result.y.shape[i] = x.shape[axis];
    result.x.strides[i] = x.strides[axis];
    result.y.strides[i] = y.strides[axis];
  }
  if (result.axes.empty()) {  // a scalar is an axis of one element
    result.axes.emplace_back();
    result.x.shape = result.y.shape = result.x.strides = result.y.strides = {1};
  }
  return result;
}

// Every member of the window, by where it lies in a tile.
std::vector<Member> members_of(const Window& window, const Ordered& ordered, const Tiling& tiling) {
  std::vector<Member> members;
  members.reserve(static_cast<std::size_t>(window.members));
  const std::size_t last = ordered.axes.size() - 1;
  for_each_index(window.extent, [&](std::int64_t position, const Extents& at) {
    if (!window.inside.empty() && window.inside[static_cast<std::size_t>(position)] == 0) return;
    Member member;
    for (std::size_t i = 0; i < ordered.order.size(); ++i) {
      const std::int64_t place = at[ordered.order[i]] * tiling.strides[i];
      (i == last ? member.along : member.outer) += place;
    }
    members.push_back(member);
  });
  return members;
}

// The members by row; of those, the ones without a neighbour before or after them.
Edges edges_of(std::vector<Member> members) {
  std::ranges::sort(members, {}, [](const Member& m) { return std::pair(m.outer, m.along); });
  Edges edges;
  const auto neighbours = [](const Member& a, const Member& b) {
    return a.outer == b.outer && a.along + 1 == b.along;
  };
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::int64_t offset = members[i].outer + members[i].along;
    edges.members.push_back(offset);
    if (i == 0 || !neighbours(members[i - 1], members[i])) edges.leaving.push_back(offset);
    if (i + 1 == members.size() || !neighbours(members[i], members[i + 1])) {
      edges.entering.push_back(offset);
    }
  }
  return edges;
}

// How many results a network makes at once, and the keys between its rows of scratch.
struct NetworkRow {
  std::int64_t count = 1;
  std::int64_t pitch = 1;
};
NetworkRow network_row(const Network& network, std::int64_t key_bytes, std::int64_t results) {
  const std::int64_t fitting = network_scratch_bytes() / std::max(network.slots, 1);
  NetworkRow row;
  row.count = std::max(fitting, min_network_row_bytes) / key_bytes;
  row.count = std::min(std::max(row.count, 2 * network.more), results);
  const std::int64_t spare = spare_bytes / key_bytes;
  row.pitch = (row.count + network.more + spare - 1) / spare * spare + spare;
  return row;
}

template <typename K>
WayPlan<K> plan_network(WayPlan<K> plan, const Window& window) {
  const std::shared_ptr<const Tiling> tiling = plan.tiling;
  const auto network = std::make_shared<const Network>(
      make_network(members_of(window, plan.ordered, *tiling), window.rank));
  const NetworkRow row = network_row(*network, sizeof(K), tiling->box.back());
  const std::int64_t scratch_keys = row.pitch * network->slots;
  plan.worker_bytes = static_cast<std::uint64_t>(scratch_keys) * sizeof(K);
  plan.cycles = network_cycles(network->minima, sizeof(K));
  plan.make_worker = [=]() -> typename WayPlan<K>::Worker {
    const std::shared_ptr<K[]> scratch = make_keys<K>(scratch_keys);
    const RunNetwork<K> run = network_rows<K>();
    return [=](const K* keys, const Tile& tile, K* results) {
      for_each_index(rows_of(tile.extent), [&](std::int64_t, const Extents& at) {
        const K* const from = keys + offset_of(at, tiling->strides);
        K* const to = results + offset_of(at, tiling->result_strides);
        const std::int64_t count = tile.extent.back();
        for (std::int64_t c = 0; c < count; c += row.count) {
          const std::int64_t part = std::min(row.count, count - c);
          std::copy_n(run(*network, from + c, part, scratch.get(), row.pitch), part, to + c);
        }
      });
    };
  };
  return plan;
}

WayPlan<std::uint8_t> plan_histogram(WayPlan<std::uint8_t> plan, const Window& window) {
  const std::shared_ptr<const Tiling> tiling = plan.tiling;
  plan.worker_bytes = ColumnHistograms::bytes(*tiling);
  plan.cycles = histogram_cycles;
  plan.make_worker = [=, rank = window.rank]() -> WayPlan<std::uint8_t>::Worker {
    const auto histograms = std::make_shared<ColumnHistograms>(*tiling, rank);
    return [=](const std::uint8_t* keys, const Tile& tile, std::uint8_t* results) {
      histograms->run(keys, tile, results);
    };
  };
  return plan;
}

template <typename K>
WayPlan<K> plan_ordinal(WayPlan<K> plan, const Window& window) {
  const std::shared_ptr<const Tiling> tiling = plan.tiling;
  const auto edges =
      std::make_shared<const Edges>(edges_of(members_of(window, plan.ordered, *tiling)));
  plan.worker_bytes = OrdinalSets<K>::bytes(*tiling);
  plan.cycles = ordinal_cycles(2 * static_cast<std::int64_t>(edges->leaving.size()), sizeof(K));
  plan.make_worker = [=, rank = window.rank]() -> typename WayPlan<K>::Worker {
    const auto sets = std::make_shared<OrdinalSets<K>>(*tiling, *edges, rank);
    return [=](const K* keys, const Tile& tile, K* results) { sets->run(keys, tile, results); };
  };
  return plan;
}

// Tilings refuse more.
constexpr std::int64_t max_keys = std::int64_t{1} << 31;

BoxWish wish_of(Way way, const Window& window, std::int64_t key_bytes) {
  switch (way) {
    case Way::network:
      return {2048 / key_bytes, network_tile_bytes() / key_bytes};
    case Way::histogram:
      return {histogram_row, histogram_tile_bytes()};
    case Way::automatic:
    case Way::ordinal:
      break;
  }
  return {1, std::clamp(window.members, ordinal_tile_keys() / ordinal_keys_per_member, max_keys) *
                 ordinal_keys_per_member};
}

}  // namespace

template <typename K>
WayPlan<K> plan_way(const ConstTensorView& x, const TensorView& y, const Window& window, Way way) {
  WayPlan<K> plan;
  plan.ordered = order_axes(x, y, window, way);
  plan.tiling = std::make_shared<const Tiling>(
      make_tiling(plan.ordered.axes, wish_of(way, window, sizeof(K)), sizeof(K)));
  if constexpr (sizeof(K) == 1) {
    if (way == Way::histogram) return plan_histogram(std::move(plan), window);
  }
  return way == Way::network ? plan_network(std::move(plan), window)
                             : plan_ordinal(std::move(plan), window);
}

#define FALTUNG_RANK_KEY(K) \
  template WayPlan<K> plan_way<K>(const ConstTensorView&, const TensorView&, const Window&, Way);
FALTUNG_RANK_KEY(std::uint8_t)
FALTUNG_RANK_KEY(std::uint16_t)
FALTUNG_RANK_KEY(std::uint32_t)
FALTUNG_RANK_KEY(std::uint64_t)
#undef FALTUNG_RANK_KEY

}  // namespace faltung::rank
