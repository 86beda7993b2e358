#pragma once

#include "cuda/runtime/launch.hpp"
#include "cuda/separable/separable_arguments.cuh"

/// Starts the kernels, with sums in float, double, std::uint32_t or std::uint64_t, each compiled in
/// a file of its own.
namespace faltung::cuda::separable {

template <typename Acc>
void start(const Arguments& arguments, const PlaneTiling& tiling, LaunchQueue stream);
template <typename Acc>
void start(const Arguments& arguments, const VolumeTiling& tiling, LaunchQueue stream);

/// Finds the factors of every channel and keeps them in `bound`, bound_size() accumulators for
/// each.
template <typename Acc>
void launch_factors(const Arguments& arguments, Global<unsigned char> bound, LaunchQueue stream);

}  // namespace faltung::cuda::separable
