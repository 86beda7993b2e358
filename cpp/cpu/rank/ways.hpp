#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include <faltung/tensor.hpp>
#include "cpp/cpu/rank/rank_filter.hpp"
#include "cpp/cpu/rank/tile.hpp"

namespace faltung::rank {

/// A filter with its axes in the order in which a way cuts it.
struct Ordered {
  ConstTensorView x;
  TensorView y;
  std::vector<TileAxis> axes;
  std::vector<std::size_t> order;  ///< of the axes of the caller's x; empty for a scalar
};

/// A way for one filter of elements whose keys are K.
template <typename K>
struct WayPlan {
  /// Makes the results of a tile from its keys, both as in tile.hpp.
  using Worker = std::function<void(const K* keys, const Tile& tile, K* results)>;
  Ordered ordered;
  std::shared_ptr<const Tiling> tiling;
  /// One for each thread, as it needs memory of its own. It refers to the plan.
  std::function<Worker()> make_worker;
  std::uint64_t worker_bytes = 0;
  double cycles = 0;  ///< expected for a result, on one core
};

/// @throws InvalidProblem if a window takes too many elements; std::bad_alloc
template <typename K>
WayPlan<K> plan_way(const ConstTensorView& x, const TensorView& y, const Window& window, Way way);

/// Memory for keys, aligned for vectors.
template <typename K>
struct AlignedDelete {
  void operator()(K* keys) const { ::operator delete[](keys, std::align_val_t{spare_bytes}); }
};
/// Zeros, so that reading past what was written reads something.
template <typename K>
std::unique_ptr<K[], AlignedDelete<K>> make_keys(std::int64_t count) {
  auto* keys = new (std::align_val_t{spare_bytes}) K[static_cast<std::size_t>(count)]();
  return std::unique_ptr<K[], AlignedDelete<K>>(keys);
}

}  // namespace faltung::rank
