#pragma once

#include "cuda/rank/box_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::rank {

/// Calls f with a zero of the keys' type.
template <typename F>
void visit_keys(int key_bytes, const F& f) {
  switch (key_bytes) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

template <typename K>
BoxArguments<K> box_arguments(const BoxGeometry& g, const Box& box, const void* x, void* y) {
  BoxArguments<K> a;
  a.g = g;
  a.box = box;
  for (int i = 0; i < box_axes; ++i) {
    a.tiles[i] = (g.axis[i].extent + box.extent[i] - 1) / box.extent[i];
  }
  for (int i = 0; i < g.others; ++i) a.all *= g.other[i].extent;
  a.rows = static_cast<int>(rows_reached(g, box));
  a.keys = static_cast<int>(keys_reached(g, box));
  a.x = Global<const K>(static_cast<const K*>(x));
  a.y = Global<K>(static_cast<K*>(y));
  return a;
}

template <typename K>
LaunchConfig box_config(const char* name, const BoxArguments<K>& a, int copies, LaunchQueue queue) {
  return {
      .name = name,
      .grid = grid_of(a.tiles[0] * a.tiles[1] * a.tiles[2] * a.all),
      .block = threads,
      .shared_bytes = static_cast<std::size_t>(shared_bytes(a.g, a.box, int{sizeof(K)}, copies)),
      .stream = queue};
}

}  // namespace faltung::cuda::rank
