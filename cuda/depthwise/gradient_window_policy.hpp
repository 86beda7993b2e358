#pragma once

#include "cuda/depthwise/window_policy.hpp"

namespace faltung::cuda::depthwise {

/// How the slices of a channel are shared out: chunk c is a block, and its slots take slices
/// c run slots + slot, then the next `slots`, `run` times.
struct GradientRuns {
  std::int64_t slices = 0;  ///< tiles of all images of one channel
  std::int64_t chunks = 1;
  int run = 1;
};

/// Whether gradient_window_kernel computes it.
inline bool can_gradient_window(const Problem& p, const Geometry& g) {
  return p.pass == Pass::backward_filter && window_shape(p, g) && unit_steps(g) &&
         g.axis[0].filter == 1;
}

/// Shared memory of a block, in elements: two slices of x for each slot, and the threads' own dy.
inline std::int64_t gradient_window_shared(const WindowTiling& t, int rows, int columns) {
  return 2 * (std::int64_t{t.slots} * t.tile_size +
              round_up(t.threads(), 32) * std::int64_t{rows} * columns);
}

/// Dynamic shared memory of a block; the sums of its warps take up to 2352 bytes beside it. The
/// same on every device, as is the number of multiprocessors below: the slots of a block decide
/// about the order of a sum.
inline constexpr std::int64_t gradient_window_budget = 96 * 1024;
static_assert(gradient_window_budget + 2352 + 128 <= min_limits.max_shared);

inline WindowTiling gradient_window_tiling(const Geometry& g, int bytes) {
  WindowTiling t = cut_windows(g, bytes, sum_multiprocessors, gradient_window_budget);
  const int rows = window_rows(1, static_cast<int>(g.axis[2].filter), bytes);
  while (t.slots > 1 &&
         gradient_window_shared(t, rows, 16 / bytes) * bytes > gradient_window_budget) {
    --t.slots;
  }
  return t;
}

/// Four blocks on a multiprocessor, one after the other; by the shape alone.
inline GradientRuns gradient_window_runs(const Geometry& g, const WindowTiling& t) {
  GradientRuns runs;
  runs.slices = t.tiles_x * t.tiles_y * g.axis[0].output * g.batch;
  const std::int64_t rounds = std::max<std::int64_t>(1, divide_up(runs.slices, t.slots));
  const std::int64_t wanted =
      divide_up(sum_multiprocessors * 8, std::max<std::int64_t>(1, g.channels));
  runs.run = static_cast<int>(
      std::min<std::int64_t>(divide_up(rounds, std::min(wanted, rounds)), std::int64_t{1} << 20));
  runs.chunks = divide_up(rounds, runs.run);
  return runs;
}

}  // namespace faltung::cuda::depthwise
