#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "cuda/rank/rank_geometry.hpp"
#include "cuda/runtime/gpu_machine.hpp"

/// How rank filters are cut into boxes. Changes speed, never results.
namespace faltung::cuda::rank {

inline constexpr int threads = 256;
/// Results of a block: enough for its threads to have several each, and so few that a small image
/// still gives every multiprocessor `blocks_each`.
inline constexpr std::int64_t min_results = 2 * threads, max_results = 32 * threads;
inline constexpr int blocks_each = 4;
/// Rows of a box begin with so many results: a warp's.
inline constexpr int min_row = 32;
/// A box whose frame costs more keys a result than this is given more shared memory.
inline constexpr double dear_frame = 1.25;
/// Bytes that memory moves at least.
inline constexpr int sector = 32;

constexpr std::int64_t reach_along(const BoxGeometry& g, const Box& box, int axis) {
  return box.extent[axis] + g.axis[axis].window - 1;
}
constexpr std::int64_t rows_reached(const BoxGeometry& g, const Box& box) {
  return reach_along(g, box, 0) * reach_along(g, box, 1);
}
constexpr std::int64_t keys_reached(const BoxGeometry& g, const Box& box) {
  return rows_reached(g, box) * reach_along(g, box, 2);
}

/// Keys that a box reaches along an axis beyond its results; a row begins within a sector and ends
/// within one.
constexpr std::int64_t frame_along(const BoxGeometry& g, int axis, int key_bytes) {
  const bool row = axis + 1 == box_axes && g.axis[axis].x_stride == 1;
  return g.axis[axis].window - 1 + (row ? sector / key_bytes : 0);
}

/// Keys that memory moves for a result of a full box.
constexpr double keys_per_result(const BoxGeometry& g, const Box& box, int key_bytes) {
  double keys = 1;
  for (int i = 0; i < box_axes; ++i) {
    keys *= 1 + static_cast<double>(frame_along(g, i, key_bytes)) / box.extent[i];
  }
  return keys;
}

constexpr std::int64_t padded(std::int64_t bytes) { return (bytes + 15) / 16 * 16; }

/// Bytes of shared memory: the places of the rows, and so many copies of the keys.
constexpr std::int64_t shared_bytes(const BoxGeometry& g, const Box& box, int key_bytes,
                                    int copies) {
  return padded(8 * rows_reached(g, box)) + padded(copies * key_bytes * keys_reached(g, box));
}

/// Whether a window leaves room for a box at all; its numbers are small then.
constexpr bool fits(const BoxGeometry& g, const Box& box, int key_bytes, int copies,
                    std::int64_t budget) {
  for (const Axis& axis : g.axis) {
    if (axis.window > budget) return false;
  }
  return rows_reached(g, box) <= budget && shared_bytes(g, box, key_bytes, copies) <= budget;
}

/// The largest box within a budget, longer where its frame weighs most.
constexpr std::optional<Box> grown_box(const BoxGeometry& g, int key_bytes, int copies,
                                       std::int64_t budget, std::int64_t most) {
  Box box;
  if (!fits(g, box, key_bytes, copies, budget)) return std::nullopt;
  const auto larger = [&](int axis, std::int64_t extent) {
    Box next = box;
    next.extent[axis] = static_cast<int>(std::min(extent, g.axis[axis].extent));
    const bool ok = next.extent[axis] > box.extent[axis] && next.results() <= most &&
                    fits(g, next, key_bytes, copies, budget);
    if (ok) box = next;
    return ok;
  };
  for (std::int64_t row = min_row; row > 1 && !larger(2, row); row /= 2) {
  }
  for (bool grows = true; grows;) {
    grows = false;
    bool tried[box_axes] = {};
    for (int trial = 0; trial < box_axes && !grows; ++trial) {
      int best = -1;
      for (int i = box_axes; i-- > 0;) {
        if (tried[i]) continue;
        // Of equals, rows grow first.
        if (best < 0 || frame_along(g, i, key_bytes) * box.extent[best] >
                            frame_along(g, best, key_bytes) * box.extent[i]) {
          best = i;
        }
      }
      tried[best] = true;
      grows = larger(best, 2 * std::int64_t{box.extent[best]});
    }
  }
  return box;
}

/// The box of a filter, or nothing where no shared memory holds one window.
constexpr std::optional<Box> choose_box(const BoxGeometry& g, int key_bytes, int copies,
                                        const GpuLimits& limits) {
  double results = 1;
  for (const Axis& axis : g.axis) results *= static_cast<double>(axis.extent);
  for (int i = 0; i < g.others; ++i) results *= static_cast<double>(g.other[i].extent);
  const double share = results / (static_cast<double>(limits.multiprocessors) * blocks_each);
  const std::int64_t most =
      std::clamp(static_cast<std::int64_t>(std::min(share, 1e9)), min_results, max_results);
  std::optional<Box> best;
  const std::int64_t all = max_dynamic_shared(limits);
  for (const std::int64_t budget : {all / 8, all / 4, all / 2, all}) {
    const std::optional<Box> box = grown_box(g, key_bytes, copies, budget, most);
    if (!box) continue;
    if (!best || keys_per_result(g, *box, key_bytes) < keys_per_result(g, *best, key_bytes)) {
      best = box;
    }
    if (keys_per_result(g, *best, key_bytes) <= dear_frame) break;
  }
  return best;
}

/// Whether a network of minima and maxima is compiled for the medians of a window without holes.
constexpr bool has_network(const BoxGeometry& g) {
  int sides = 0;
  std::int64_t side = 1;
  for (const Axis& axis : g.axis) {
    if (axis.window == 1) continue;
    if (sides++ == 1 && axis.window != side) return false;
    side = axis.window;
  }
  return sides == 2 && (side == 3 || side == 5);
}

/// What a pass over the image costs, in keys read and written a result.
constexpr double pass_cost(const BoxGeometry& g, const Box& box, int key_bytes) {
  return keys_per_result(g, box, key_bytes) + 1;
}

}  // namespace faltung::cuda::rank
