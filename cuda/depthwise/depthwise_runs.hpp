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

/// Any forward pass and data gradient.
[[nodiscard]] KernelRun gather_run(const Geometry& g, DType type, double bytes);
/// The first half of any filter gradient.
[[nodiscard]] KernelRun gradient_run(const Geometry& g, DType type, double bytes);
/// The second half: so many pieces of every element.
[[nodiscard]] KernelRun gradient_sum_run(const Geometry& g, std::int64_t pieces, DType type);

/// Of the way that the engine takes, and of a filter gradient its first half. `g` is lower(p).
[[nodiscard]] KernelRun run_of(const Problem& p, const Geometry& g, const GpuLimits& device = {});

}  // namespace faltung::cuda::depthwise
