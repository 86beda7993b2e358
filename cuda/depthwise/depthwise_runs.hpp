#pragma once

#include "cuda/depthwise/band_policy.hpp"
#include "cuda/depthwise/channels_policy.hpp"
#include "cuda/depthwise/gradient_mma_policy.hpp"
#include "cuda/depthwise/gradient_window_policy.hpp"
#include "cuda/depthwise/window_policy.hpp"
#include "cuda/runtime/kernel_costs.hpp"

/// What the launch for a tiling runs: the kernel's row of costs, and how often its parts do, by the
/// geometry. `bytes` are those of all tensors once; `type` is that of x, which all have.
namespace faltung::cuda::depthwise {

[[nodiscard]] KernelRun run_of(const Geometry& g, const WindowTiling& t, DType type, double bytes);
[[nodiscard]] KernelRun run_of(const Geometry& g, const ChannelsTiling& t, DType type,
                               double bytes);
[[nodiscard]] KernelRun run_of(const Geometry& g, const BandTiling& t, DType type, double bytes);
/// The first half of a filter gradient.
[[nodiscard]] KernelRun run_of(const Geometry& g, const GradientTiling& t, DType type,
                               double bytes);
/// Likewise.
[[nodiscard]] KernelRun gradient_run_of(const Geometry& g, const WindowTiling& t, DType type,
                                        double bytes);

/// Of the way that the engine takes; its `cost` is null for those that have no row that counts:
/// gather_kernel and gradient_kernel. `g` is lower(p).
[[nodiscard]] KernelRun run_of(const Problem& p, const Geometry& g, const GpuLimits& device = {});

}  // namespace faltung::cuda::depthwise
