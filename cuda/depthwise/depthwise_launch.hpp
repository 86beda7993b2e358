#pragma once

#include "cuda/depthwise/band_geometry.hpp"
#include "cuda/depthwise/channels_geometry.hpp"
#include "cuda/depthwise/depthwise_kernel.cuh"
#include "cuda/depthwise/gradient_mma_geometry.hpp"
#include "cuda/depthwise/window_geometry.hpp"
#include "cuda/runtime/launch.hpp"

/// Starts the kernels. Each of them is compiled in a file of its own, for every element type.
namespace faltung::cuda::depthwise {

template <typename T>
void launch_gather(const Arguments& arguments, LaunchQueue stream);

/// `partial` holds cut.chunks x channels x taps sums.
template <typename T>
void launch_gradient(const Arguments& arguments, const GradientCut& cut, void* partial,
                     LaunchQueue stream);

/// The second half of a filter gradient: adds `pieces` of channels x taps sums in their order.
template <typename T>
void launch_gradient_sum(const Arguments& arguments, std::int64_t pieces, const void* partial,
                         LaunchQueue stream);

/// Half or BFloat16; `partial` holds tiling.chunks x channels x taps sums.
template <typename T>
void launch_gradient_mma(const Arguments& arguments, const GradientTiling& tiling, void* partial,
                         LaunchQueue stream);

/// Half or BFloat16.
template <typename T>
void launch_band(const Arguments& arguments, const BandTiling& tiling, LaunchQueue stream);

/// float or double; `partial` holds gradient_window_runs().chunks x channels x taps sums.
template <typename T>
void launch_gradient_window(const Arguments& arguments, const WindowTiling& tiling, void* partial,
                            LaunchQueue stream);

/// Half, BFloat16 or float.
template <typename T>
void launch_channels(const Arguments& arguments, const ChannelsTiling& tiling, LaunchQueue stream);

/// float or double.
template <typename T>
void launch_window(const Arguments& arguments, const WindowTiling& tiling, LaunchQueue stream);

}  // namespace faltung::cuda::depthwise
