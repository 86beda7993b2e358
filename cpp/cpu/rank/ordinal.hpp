#pragma once

#include <cstdint>
#include <vector>

#include "cpp/cpu/rank/tile.hpp"

namespace faltung::rank {

/// Offsets in the tile from the first element of the box of a window.
struct Edges {
  std::vector<std::int64_t> members;
  std::vector<std::int64_t> leaving;   ///< those without a member before them along the row
  std::vector<std::int64_t> entering;  ///< those without a member after them along the row
};

/// Ranks in any window of keys of any width. The keys that a tile reaches are sorted once, and each
/// is named by its place in that order: its ordinal number. A window is then a set of bits, one for
/// each number, that gains and loses the numbers at its edges as it slides along a row, while the
/// rank is followed from result to result.
///
/// Sources: Huang, Yang & Tang, A Fast Two-Dimensional Median Filtering Algorithm, IEEE Trans.
/// Acoustics, Speech and Signal Processing 27 (1979) 13; ordinal numbers: Weiss, Fast Median and
/// Bilateral Filtering, ACM Trans. Graphics 25 (2006) 519.
template <typename K>
class OrdinalSets {
 public:
  OrdinalSets(const Tiling& tiling, const Edges& edges, std::int64_t rank);

  /// Results as in `scatter`.
  void run(const K* keys, const Tile& tile, K* results);

  /// Bytes that an object for this tiling takes.
  static std::uint64_t bytes(const Tiling& tiling);

 private:
  struct Entry {
    K key;
    std::uint32_t at;  // in the tile
  };
  void sort(const K* keys, const Tile& tile);
  void sort_by_digit(int shift, const std::int64_t* counts);
  void run_row(std::int64_t start, std::int64_t count, K* results);
  void insert(std::uint32_t number);
  void erase(std::uint32_t number);
  std::int64_t follow();

  const Tiling& tiling_;
  const Edges& edges_;
  std::int64_t rank_;
  std::vector<Entry> entries_, sorting_;  // in order; and where digits are sorted to
  std::size_t count_ = 0;                 // of the entries
  std::vector<std::uint32_t> numbers_;    // by place in the tile
  std::vector<std::uint64_t> set_;        // of the window, 64 numbers a word
  std::int64_t word_ = 0;                 // the one that holds the rank
  std::int64_t below_ = 0;                // members in the words before it
};

}  // namespace faltung::rank
