#pragma once

#include "cuda/rank/rank_geometry.hpp"

namespace faltung::cuda::rank {

/// The key with `rank` members below it, of 0 the least: between the least and the greatest member
/// by halves, each of which counts the members up to the middle.
///
/// @tparam Count  holds the number of members
/// @param visit   calls the function it is given with the key of every member
template <typename K, typename Count, typename Visit>
__device__ __forceinline__ K select(Count rank, Count members, const Visit& visit) {
  K low = static_cast<K>(~K{0}), high = 0;
  visit([&](K key) {
    low = min(low, key);
    high = max(high, key);
  });
  if (rank == 0) high = low;
  if (rank == members - 1) low = high;
#pragma unroll 1
  while (low < high) {
    const K middle = static_cast<K>(low + (high - low) / 2);
    Count up_to = 0;
    visit([&](K key) { up_to += key <= middle ? 1 : 0; });
    if (up_to > rank) {
      high = middle;
    } else {
      low = static_cast<K>(middle + 1);
    }
  }
  return low;
}

}  // namespace faltung::cuda::rank
