#include "cpp/cpu/rank/ordinal.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "cpp/core/strided.hpp"

namespace faltung::rank {
namespace {

constexpr int digit_bits = 8;
constexpr int digits_values = 1 << digit_bits;

template <typename K>
int digit(K key, int shift) {
  return static_cast<int>((key >> shift) & (digits_values - 1));
}

// The place of the bit with `rank` set ones below it.
int find_bit(std::uint64_t word, std::int64_t rank) {
  for (; rank > 0; --rank) word &= word - 1;
  return std::countr_zero(word);
}

}  // namespace

template <typename K>
OrdinalSets<K>::OrdinalSets(const Tiling& tiling, const Edges& edges, std::int64_t rank)
    : tiling_(tiling), edges_(edges), rank_(rank) {
  const auto reached = static_cast<std::size_t>(element_count(tiling.reach));
  entries_.resize(reached);
  sorting_.resize(reached);
  numbers_.resize(static_cast<std::size_t>(tiling.keys));
  set_.resize(reached / 64 + 1);
}

template <typename K>
std::uint64_t OrdinalSets<K>::bytes(const Tiling& tiling) {
  const auto reached = static_cast<std::uint64_t>(element_count(tiling.reach));
  return reached * (2 * sizeof(Entry) + 1) + static_cast<std::uint64_t>(tiling.keys) * 4;
}

template <typename K>
void OrdinalSets<K>::sort_by_digit(int shift, const std::int64_t* counts) {
  std::array<std::int64_t, digits_values> next;
  std::int64_t sum = 0;
  for (std::size_t d = 0; d < next.size(); ++d) {
    next[d] = sum;
    sum += counts[d];
  }
  for (std::size_t i = 0; i < count_; ++i) {
    const Entry entry = entries_[i];
    auto& at = next[static_cast<std::size_t>(digit(entry.key, shift))];
    sorting_[static_cast<std::size_t>(at++)] = entry;
  }
  std::swap(entries_, sorting_);
}

// By digits, the lowest first; equal keys stay in the order of their places.
template <typename K>
void OrdinalSets<K>::sort(const K* keys, const Tile& tile) {
  constexpr std::size_t digits = 8 * sizeof(K) / digit_bits;
  std::array<std::array<std::int64_t, digits_values>, digits> counts{};
  Extents reach;
  for (std::size_t i = 0; i < tile.extent.size(); ++i) {
    reach.push_back(tile.extent[i] + tiling_.axes[i].window - 1);
  }
  count_ = 0;
  for_each_index(rows_of(reach), [&](std::int64_t, const Extents& at) {
    const std::int64_t row = offset_of(at, tiling_.strides);
    for (std::int64_t i = row; i < row + reach.back(); ++i) {
      entries_[count_++] = {keys[i], static_cast<std::uint32_t>(i)};
      for (std::size_t d = 0; d < digits; ++d) {
        ++counts[d][static_cast<std::size_t>(digit(keys[i], static_cast<int>(d) * digit_bits))];
      }
    }
  });
  for (std::size_t d = 0; d < digits; ++d) {
    const int shift = static_cast<int>(d) * digit_bits;
    const auto first = static_cast<std::size_t>(digit(entries_[0].key, shift));
    if (counts[d][first] == static_cast<std::int64_t>(count_)) continue;  // all alike
    sort_by_digit(shift, counts[d].data());
  }
  for (std::size_t i = 0; i < count_; ++i) {
    numbers_[entries_[i].at] = static_cast<std::uint32_t>(i);
  }
}

template <typename K>
void OrdinalSets<K>::insert(std::uint32_t number) {
  set_[number / 64] |= std::uint64_t{1} << (number % 64);
  below_ += number / 64 < word_ ? 1 : 0;
}

template <typename K>
void OrdinalSets<K>::erase(std::uint32_t number) {
  set_[number / 64] &= ~(std::uint64_t{1} << (number % 64));
  below_ -= number / 64 < word_ ? 1 : 0;
}

// The number of the member with the rank.
template <typename K>
std::int64_t OrdinalSets<K>::follow() {
  const auto members = [&](std::int64_t word) {
    return std::popcount(set_[static_cast<std::size_t>(word)]);
  };
  while (below_ > rank_) below_ -= members(--word_);
  for (int here = members(word_); below_ + here <= rank_; here = members(word_)) {
    below_ += here;
    ++word_;
  }
  return 64 * word_ + find_bit(set_[static_cast<std::size_t>(word_)], rank_ - below_);
}

template <typename K>
void OrdinalSets<K>::run_row(std::int64_t start, std::int64_t count, K* results) {
  std::ranges::fill(set_, 0);
  word_ = below_ = 0;
  const std::uint32_t* at = numbers_.data() + start;
  for (const std::int64_t member : edges_.members) insert(at[member]);
  for (std::int64_t c = 0; c < count; ++c, ++at) {
    if (c > 0) {
      for (const std::int64_t member : edges_.leaving) erase(at[member - 1]);
      for (const std::int64_t member : edges_.entering) insert(at[member]);
    }
    results[c] = entries_[static_cast<std::size_t>(follow())].key;
  }
}

template <typename K>
void OrdinalSets<K>::run(const K* keys, const Tile& tile, K* results) {
  sort(keys, tile);
  for_each_index(rows_of(tile.extent), [&](std::int64_t, const Extents& at) {
    run_row(offset_of(at, tiling_.strides), tile.extent.back(),
            results + offset_of(at, tiling_.result_strides));
  });
}

template class OrdinalSets<std::uint8_t>;
template class OrdinalSets<std::uint16_t>;
template class OrdinalSets<std::uint32_t>;
template class OrdinalSets<std::uint64_t>;

}  // namespace faltung::rank
