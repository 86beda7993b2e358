#pragma once

#include <cstdint>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/rank/rank_filter.hpp"

/// Which way is quickest. Changes speed, never results.
namespace faltung::rank {

/// Networks of more members take longer to make than they save.
inline constexpr std::int64_t max_network_members = 1024;

/// Keys that a tile of each way reaches: within the second level cache.
inline std::int64_t network_tile_bytes() { return cpu_machine().l2_bytes / 8; }
inline std::int64_t histogram_tile_bytes() { return cpu_machine().l2_bytes / 4; }
inline std::int64_t ordinal_tile_keys() { return cpu_machine().l2_bytes / 32; }
/// Larger windows get larger tiles, or sorting what they share would outweigh all else.
inline constexpr std::int64_t ordinal_keys_per_member = 4;

/// Results of a histogram's row: its columns stay in the second level cache.
inline constexpr std::int64_t histogram_row = 512;
/// Bytes of scratch of a network, so that it stays in the first level cache, and of a row at least.
inline std::int64_t network_scratch_bytes() { return cpu_machine().l1d_bytes; }
inline constexpr std::int64_t min_network_row_bytes = 512;

/// Cycles of processor time a result. In nanoseconds, on one core of a Sapphire Rapids machine with
/// 512-bit vectors whose clock is taken for 3.7 GHz, in medians of 1000 x 1000 random elements: f32
/// by networks 2.6, 6.8, 20, 59, 171 for windows of 3, 5, 7, 11 and 15 squared; u8 by histograms 33
/// to 45 for 3 to 31 squared; u8 and f32 by ordinal sets 62, 85, 150 and 73, 99, 167 for 5, 15 and
/// 31 squared.
///
/// @param minima  of the network
constexpr double network_cycles(std::int64_t minima, std::int64_t key_bytes) {
  return 3.7 + 0.0666 * static_cast<double>(minima * key_bytes);
}
inline constexpr double histogram_cycles = 140.6;
/// @param edges  members that enter or leave from one result to the next
constexpr double ordinal_cycles(std::int64_t edges, std::int64_t key_bytes) {
  return 155.4 + 12.95 * static_cast<double>(key_bytes) + 5.92 * static_cast<double>(edges);
}

}  // namespace faltung::rank
