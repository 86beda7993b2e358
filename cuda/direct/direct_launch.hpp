#pragma once

#include "cuda/direct/direct_kernel.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {

/// Starts direct_kernel for accumulators of one type: direct_kernels.cu has them all.
template <typename Acc>
void launch_direct(const Arguments& arguments, LaunchQueue stream);

/// Starts walk_kernel for arguments whose tiling is a walk_tiling; float, double or
/// std::uint32_t.
template <typename Acc>
void launch_walk(const Arguments& arguments, LaunchQueue stream);

/// Starts fir_kernel for arguments whose tiling is a fir_tiling; float, double or Complex<float>.
template <typename Acc>
void launch_fir(const Arguments& arguments, LaunchQueue stream);

/// Starts band_kernel for arguments whose tiling is a band_tiling; inputs of u8, f16 or bf16, sums
/// in float.
void launch_band(const Arguments& arguments, LaunchQueue stream);

/// Starts slab_kernel for arguments whose tiling is a slab_tiling; inputs and sums in float.
void launch_slab(const Arguments& arguments, LaunchQueue stream);

/// Starts patch_kernel for arguments whose tiling is a patch_tiling; inputs and sums in float.
void launch_patch(const Arguments& arguments, LaunchQueue stream);

}  // namespace faltung::cuda::direct
