#pragma once

#include <faltung/tensor.hpp>
#include "cuda/rank/rank_geometry.hpp"
#include "cuda/runtime/launch.hpp"

/// Starts the kernels, or loads them; elements are `key_bytes` wide.
namespace faltung::cuda::rank {

void launch_extremes(const BoxGeometry& g, const Box& box, int key_bytes, const void* x, void* y,
                     LaunchQueue queue);

/// @param runs     on the device, or null: all of the window's box
/// @param members  of the window
void launch_select(const BoxGeometry& g, const Box& box, int key_bytes, const Run* runs,
                   std::int64_t run_count, std::int64_t members, std::int64_t rank, const void* x,
                   void* y, LaunchQueue queue);

/// Of windows of 3 x 3 or 5 x 5 along two of the axes, all members.
void launch_median(const BoxGeometry& g, const Box& box, int key_bytes, const void* x, void* y,
                   LaunchQueue queue);

/// @param inside  on the device, or null
void launch_gather(const GatherGeometry& g, int key_bytes, const std::uint8_t* inside,
                   std::int64_t members, std::int64_t rank, const void* x, void* y,
                   LaunchQueue queue);

}  // namespace faltung::cuda::rank
