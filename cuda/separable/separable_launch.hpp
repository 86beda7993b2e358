#pragma once

#include "cuda/runtime/launch.hpp"
#include "cuda/separable/separable_arguments.cuh"

namespace faltung::cuda::separable {

/// Runs the kernel on a stream, with the current device; for float, double, std::uint32_t and
/// std::uint64_t, each compiled in a file of its own.
template <typename Acc>
void launch_separable(const Arguments& arguments, LaunchQueue stream);

/// Finds the factors of every channel and keeps them in `bound`, bound_size() accumulators for
/// each.
template <typename Acc>
void launch_factors(const Arguments& arguments, Global<unsigned char> bound, LaunchQueue stream);

}  // namespace faltung::cuda::separable
