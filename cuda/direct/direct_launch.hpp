#pragma once

#include "cuda/direct/band_policy.hpp"
#include "cuda/direct/direct_kernel.cuh"
#include "cuda/direct/fir_policy.hpp"
#include "cuda/direct/patch_policy.hpp"
#include "cuda/direct/slab_policy.hpp"
#include "cuda/direct/walk_policy.hpp"
#include "cuda/runtime/launch.hpp"

/// Starts the kernel that a tiling is for, with the instance for the types of the operands. Each is
/// compiled in a file of its own.
namespace faltung::cuda::direct {

/// Any types.
void start(const Arguments& arguments, const ChunkTiling& t, LaunchQueue stream);

/// Sums in f32 or f64.
void start(const Arguments& arguments, const OrderedTiling& t, LaunchQueue stream);

/// Sums in f32, f64 or i32.
void start(const Arguments& arguments, const WalkTiling& t, LaunchQueue stream);

/// Sums in f32, f64 or c64.
void start(const Arguments& arguments, const FirTiling& t, LaunchQueue stream);

/// Inputs of u8, f16 or bf16, sums in f32.
void start(const Arguments& arguments, const BandTiling& t, LaunchQueue stream);

/// Inputs and sums in f32.
void start(const Arguments& arguments, const SlabTiling& t, LaunchQueue stream);
void start(const Arguments& arguments, const PatchTiling& t, LaunchQueue stream);

}  // namespace faltung::cuda::direct
