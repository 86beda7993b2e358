#include "cpp/cpu/rank/histogram.hpp"

#include <algorithm>

#include "cpp/core/strided.hpp"

namespace faltung::rank {
namespace {

constexpr int lanes = 16;

void add(std::uint16_t* to, const std::uint16_t* from) {
  for (int i = 0; i < lanes; ++i) to[i] = static_cast<std::uint16_t>(to[i] + from[i]);
}

void exchange(std::uint16_t* to, const std::uint16_t* in, const std::uint16_t* out) {
  for (int i = 0; i < lanes; ++i) to[i] = static_cast<std::uint16_t>(to[i] + in[i] - out[i]);
}

// The place where `rank` is used up; what is left of it there.
struct Place {
  int index;
  std::int64_t rest;
};
Place find(const std::uint16_t* counts, std::int64_t rank) {
  int i = 0;
  for (; rank >= counts[i]; ++i) rank -= counts[i];
  return {i, rank};
}

}  // namespace

ColumnHistograms::ColumnHistograms(const Tiling& tiling, std::int64_t rank)
    : tiling_(tiling),
      rank_(rank),
      width_(tiling.axes.back().window),
      columns_(static_cast<std::size_t>(tiling.reach.back())) {}

std::uint64_t ColumnHistograms::bytes(const Tiling& tiling) {
  return static_cast<std::uint64_t>(tiling.reach.back()) * sizeof(Counts);
}

void ColumnHistograms::count_row(const std::uint8_t* row, std::int64_t columns, int by) {
  for (std::int64_t c = 0; c < columns; ++c) {
    Counts& counts = columns_[static_cast<std::size_t>(c)];
    const int group = row[c] / keys_in_group, key = row[c] % keys_in_group;
    counts.group[group] = static_cast<std::uint16_t>(counts.group[group] + by);
    counts.key[group][key] = static_cast<std::uint16_t>(counts.key[group][key] + by);
  }
}

// The counts of one group for the window that begins at `column`.
const std::uint16_t* ColumnHistograms::group_at(int group, std::int64_t column) {
  std::uint16_t* const counts = window_.key[group];
  std::int64_t& seen = seen_[group];
  const auto column_counts = [&](std::int64_t c) {
    return columns_[static_cast<std::size_t>(c)].key[group];
  };
  // Following takes two columns a step, counting anew as many as the window has.
  if (seen < 0 || 2 * (column - seen) > width_) {
    std::fill_n(counts, lanes, std::uint16_t{0});
    for (std::int64_t c = column; c < column + width_; ++c) add(counts, column_counts(c));
  } else {
    for (std::int64_t c = seen; c < column; ++c) {
      exchange(counts, column_counts(c + width_), column_counts(c));
    }
  }
  seen = column;
  return counts;
}

void ColumnHistograms::run_row(std::int64_t count, std::uint8_t* results) {
  std::fill_n(window_.group, lanes, std::uint16_t{0});
  std::fill_n(seen_, groups, std::int64_t{-1});
  for (std::int64_t c = 0; c < width_; ++c) {
    add(window_.group, columns_[static_cast<std::size_t>(c)].group);
  }
  for (std::int64_t c = 0; c < count; ++c) {
    if (c > 0) {
      exchange(window_.group, columns_[static_cast<std::size_t>(c + width_ - 1)].group,
               columns_[static_cast<std::size_t>(c - 1)].group);
    }
    const Place group = find(window_.group, rank_);
    const Place key = find(group_at(group.index, c), group.rest);
    results[c] = static_cast<std::uint8_t>(keys_in_group * group.index + key.index);
  }
}

void ColumnHistograms::run(const std::uint8_t* keys, const Tile& tile, std::uint8_t* results) {
  const std::size_t last = tile.extent.size() - 1;
  const std::int64_t count = tile.extent[last];
  const std::int64_t columns = count + width_ - 1;
  const std::int64_t height = last == 0 ? 1 : tiling_.axes[last - 1].window;
  const std::int64_t rows = last == 0 ? 1 : tile.extent[last - 1];
  const std::int64_t step = last == 0 ? 0 : tiling_.strides[last - 1];
  Shape planes = rows_of(tile.extent);
  if (last > 0) planes[last - 1] = 1;
  const std::int64_t result_step = last == 0 ? 0 : tiling_.result_strides[last - 1];
  for_each_index(planes, [&](std::int64_t, const Extents& at) {
    const std::uint8_t* const plane = keys + offset_of(at, tiling_.strides);
    std::uint8_t* const out = results + offset_of(at, tiling_.result_strides);
    std::ranges::fill(columns_, Counts{});
    for (std::int64_t r = 0; r + 1 < height; ++r) count_row(plane + r * step, columns, 1);
    for (std::int64_t r = 0; r < rows; ++r) {
      count_row(plane + (r + height - 1) * step, columns, 1);
      run_row(count, out + r * result_step);
      count_row(plane + r * step, columns, -1);
    }
  });
}

}  // namespace faltung::rank
