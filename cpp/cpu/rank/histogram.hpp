#pragma once

#include <cstdint>
#include <vector>

#include "cpp/cpu/rank/rank_filter.hpp"
#include "cpp/cpu/rank/tile.hpp"

namespace faltung::rank {

/// Windows that hold more members do not fit into the 16-bit counts.
inline constexpr std::int64_t max_counted = 65535;

/// Ranks of 8-bit keys in windows that are full along the last two axes and one element along the
/// others, at a cost that does not grow with the window: every column keeps a histogram of its part
/// of the window, and the window's histogram gains one column and loses one for each result. Of
/// the 256 counts only those of the 16 keys around the rank are brought up to date.
///
/// Source: Perreault & Hebert, Median Filtering in Constant Time, IEEE Trans. Image Processing 16
/// (2007) 2389.
class ColumnHistograms {
 public:
  /// @param rank  of the result, 0 = least
  ColumnHistograms(const Tiling& tiling, std::int64_t rank);

  /// Results as in `scatter`.
  void run(const std::uint8_t* keys, const Tile& tile, std::uint8_t* results);

  /// Bytes that an object for this tiling takes.
  static std::uint64_t bytes(const Tiling& tiling);

 private:
  static constexpr int groups = 16;
  static constexpr int keys_in_group = 16;
  struct Counts {
    std::uint16_t group[groups] = {};
    std::uint16_t key[groups][keys_in_group] = {};
  };

  void count_row(const std::uint8_t* row, std::int64_t columns, int by);
  void run_row(std::int64_t count, std::uint8_t* results);
  const std::uint16_t* group_at(int group, std::int64_t column);

  const Tiling& tiling_;
  std::int64_t rank_;
  std::int64_t width_;  // of the window
  std::vector<Counts> columns_;
  Counts window_;
  std::int64_t seen_[groups] = {};  // the column for which window_.key[group] is right; -1: none
};

}  // namespace faltung::rank
