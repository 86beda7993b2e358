#pragma once

#include <algorithm>
#include <cstdint>

#include <faltung/problem.hpp>

#include "cuda/depthwise/depthwise_geometry.hpp"
#include "cuda/runtime/gpu_machine.hpp"

namespace faltung::cuda::depthwise {

/// Pieces for the filter gradient: enough blocks for 16 on each multiprocessor, but no piece below
/// 2048 positions, so that the sums of a block are worth their reduction. Depends on the shape
/// alone, so that results do.
inline GradientCut gradient_cut(const Geometry& g, std::int64_t tap_groups) {
  GradientCut cut;
  cut.block_channels = g.channels_last && g.channels > 1 ? 32 : 1;
  cut.channel_groups = divide_up(g.channels, cut.block_channels);
  const std::int64_t positions = g.batch * g.positions();
  const std::int64_t wanted = divide_up(sum_multiprocessors * 16, cut.channel_groups * tap_groups);
  const std::int64_t max = divide_up(positions * cut.block_channels, 2048);
  cut.chunk = divide_up(positions, std::clamp<std::int64_t>(wanted, 1, max));
  cut.chunks = divide_up(positions, cut.chunk);
  return cut;
}

}  // namespace faltung::cuda::depthwise
