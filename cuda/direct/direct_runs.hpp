#pragma once

#include "cuda/direct/band_policy.hpp"
#include "cuda/direct/fir_policy.hpp"
#include "cuda/direct/patch_policy.hpp"
#include "cuda/direct/slab_policy.hpp"
#include "cuda/direct/walk_policy.hpp"
#include "cuda/runtime/kernel_costs.hpp"

/// What the launch for a tiling runs: the kernel's row of costs, and how often its parts do, by the
/// geometry. `bytes` are those of all tensors once; `input` is the type of x.
namespace faltung::cuda::direct {

[[nodiscard]] KernelRun run_of(const Geometry& g, const ChunkTiling& t, DType accumulator,
                               DType input, double bytes);
[[nodiscard]] KernelRun run_of(const Geometry& g, const OrderedTiling& t, DType accumulator,
                               DType input, double bytes);
[[nodiscard]] KernelRun run_of(const Geometry& g, const WalkTiling& t, DType accumulator,
                               DType input, double bytes);
[[nodiscard]] KernelRun run_of(const Geometry& g, const FirTiling& t, DType accumulator,
                               DType input, double bytes);
[[nodiscard]] KernelRun run_of(const Geometry& g, const BandTiling& t, DType accumulator,
                               DType input, double bytes);
[[nodiscard]] KernelRun run_of(const Geometry& g, const SlabTiling& t, DType accumulator,
                               DType input, double bytes);
[[nodiscard]] KernelRun run_of(const Geometry& g, const PatchTiling& t, DType accumulator,
                               DType input, double bytes);

}  // namespace faltung::cuda::direct
