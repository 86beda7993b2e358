#pragma once

#include <cstdint>

#include "cpp/cpu/rank/rank_filter.hpp"

/// Which way is quickest. Changes speed, never results.
namespace faltung::rank {

/// Networks of more members take longer to make than they save.
inline constexpr std::int64_t most_network_members = 1024;

/// Keys that a tile of each way reaches: within the second level cache.
inline constexpr std::int64_t network_tile_bytes = std::int64_t{1} << 17;
inline constexpr std::int64_t histogram_tile_bytes = std::int64_t{1} << 18;
inline constexpr std::int64_t ordinal_tile_keys = std::int64_t{1} << 15;
/// Larger windows get larger tiles, or sorting what they share would outweigh all else.
inline constexpr std::int64_t ordinal_keys_per_member = 4;

/// Results of a histogram's row: its columns stay in the second level cache.
inline constexpr std::int64_t histogram_row = 512;
/// Bytes of scratch of a network, so that it stays in the first level cache, and of a row at least.
inline constexpr std::int64_t network_scratch_bytes = std::int64_t{1} << 15;
inline constexpr std::int64_t least_network_row_bytes = 512;

/// Nanoseconds of processor time a result, on one core of a Sapphire Rapids machine with 512-bit
/// vectors, in medians of 1000 x 1000 random elements: f32 by networks 2.6, 6.8, 20, 59, 171 for
/// windows of 3, 5, 7, 11 and 15 squared; u8 by histograms 33 to 45 for 3 to 31 squared; u8 and f32
/// by ordinal sets 62, 85, 150 and 73, 99, 167 for 5, 15 and 31 squared.
///
/// @param minima  of the network
constexpr double network_ns(std::int64_t minima, std::int64_t key_bytes) {
  return 1 + 0.018 * static_cast<double>(minima * key_bytes);
}
inline constexpr double histogram_ns = 38;
/// @param edges  members that enter or leave from one result to the next
constexpr double ordinal_ns(std::int64_t edges, std::int64_t key_bytes) {
  return 42 + 3.5 * static_cast<double>(key_bytes) + 1.6 * static_cast<double>(edges);
}

}  // namespace faltung::rank
