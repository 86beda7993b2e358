#pragma once

#include <cstdint>
#include <vector>

#include "cpp/cpu/rank/rank_filter.hpp"

/// Selection networks: a rank as minima and maxima of whole rows.
namespace faltung::rank {

/// The rank of `members` windows side by side, as a list of steps. Each reads two rows of keys and
/// writes their minimum, their maximum, or both, element by element.
///
/// The network sorts the members of each column, merges neighbouring columns, and selects from the
/// last two lists. Lists that differ only by their place along the row are sorted once, and read
/// with an offset. Members too small or too large for the rank stand as infinities, and what no
/// step of use reads is left out. (Merging: Batcher's odd-even merge, Knuth, The Art of Computer
/// Programming 3, section 5.3.4. Sharing: as in Adams, Fast Median Filters using Separable Sorting
/// Networks, ACM Trans. Graphics 40 (2021) 70, in one direction.)
struct Network {
  static constexpr std::int32_t tile = -1;  ///< in place of a slot: the keys that are filtered
  static constexpr std::int32_t none = -2;  ///< nothing is written

  struct Row {
    std::int32_t slot = tile;
    std::int64_t offset = 0;  ///< elements, not negative
  };
  struct Step {
    Row a, b;
    std::int32_t low = none, high = none;  ///< slots
    std::int64_t more = 0;                 ///< elements to write past those of the result
  };
  std::vector<Step> steps;
  std::int32_t result = 0;  ///< slot
  std::int32_t slots = 0;   ///< rows of scratch
  std::int64_t more = 0;    ///< the largest of the steps'
  std::int64_t minima = 0;  ///< minima and maxima, over all steps
};

/// One member of a window: the tile's element at `outer + along` from that of the result.
struct Member {
  std::int64_t outer = 0;  ///< from the first row of the window's box, in elements of the tile
  std::int64_t along = 0;  ///< from the first column
};

/// @param members  not empty
/// @param rank     0 <= rank < members
[[nodiscard]] Network make_network(const std::vector<Member>& members, std::int64_t rank);

/// Runs a network for `count` results side by side.
///
/// @param keys     the member (0, 0) of the first result's window
/// @param scratch  network.slots rows of `pitch` keys, aligned to 64 bytes; pitch holds
///                 count + network.more + 64 bytes of keys and is a multiple of 64 bytes
/// @returns the row of scratch that holds the results
template <typename K>
using RunNetwork = const K* (*)(const Network& network, const K* keys, std::int64_t count,
                                K* scratch, std::int64_t pitch);

/// For the instruction set in use; K is an unsigned integer of 8 to 64 bits.
template <typename K>
[[nodiscard]] RunNetwork<K> network_rows();

}  // namespace faltung::rank
