#pragma once

#include <algorithm>
#include <cstdint>

#include <faltung/problem.hpp>

#include "cuda/depthwise/depthwise_geometry.hpp"
#include "cuda/runtime/gpu_machine.hpp"
#include "cuda/runtime/kernel_costs.hpp"

namespace faltung::cuda::depthwise {

/// Tiles that a block computes one after the other, so that blocks fill whole waves: in as few
/// waves as leave it `most` of `turns`, the tiles of all blocks together. A block needs `threads`
/// and `shared` bytes, and the registers that the kernel of this name has.
inline int whole_waves(const GpuLimits& device, std::string_view kernel, int threads,
                       std::int64_t shared, std::int64_t turns, std::int64_t most) {
  const KernelRun block{.cost = &kernel_cost(kernel), .threads = threads, .dynamic_shared = shared};
  const std::int64_t wave = std::int64_t{device.multiprocessors} * resident_blocks(device, block);
  const std::int64_t waves = std::max<std::int64_t>(1, divide_up(turns, wave * most));
  return static_cast<int>(std::clamp<std::int64_t>(divide_up(turns, wave * waves), 1, most));
}

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
