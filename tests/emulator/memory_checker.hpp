#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/emulator/counters.hpp"
#include "tests/emulator/race_detector.hpp"
#include "tests/emulator/toolkit/device_api.hpp"

namespace faltung::emulator {

/// Which launch and cluster used a 32-byte sector last, and which of its bytes in that launch.
struct SectorHistory {
  std::uint32_t cluster = 0;
  std::uint32_t bytes = 0;
};

/// One piece of device memory. Between allocations lie gigabytes of nothing, so an index that is
/// wrong by any 32-bit amount meets no other allocation.
struct Allocation {
  Allocation(std::byte* begin, std::size_t bytes);

  std::byte* begin;
  std::size_t bytes;
  Shadow shadow;
  std::vector<SectorHistory> reads, writes;  ///< by sector
  /// The same of a whole launch, whose number stands for the cluster: read through the read-only
  /// path, and written.
  std::vector<SectorHistory> read_only, written;
  std::vector<std::uint32_t> readers;  ///< the launch that read a sector last
  int device = 0;
  bool stream_ordered = false;  ///< made on a stream
  CUstream_st* stream = nullptr;
  const void* pool = nullptr;
  std::size_t kept = 0;  ///< release threshold of its pool

  [[nodiscard]] std::size_t offset(const void* address) const {
    return static_cast<std::size_t>(static_cast<const std::byte*>(address) - begin);
  }
};

/// A new one that nobody has written; null if there is no room.
[[nodiscard]] Allocation* allocate_memory(std::size_t bytes);
void release_memory(const Allocation& allocation);
/// How many there are.
[[nodiscard]] std::size_t allocation_count();
/// The one that an address lies in or just behind, or null.
[[nodiscard]] Allocation* allocation_at(const void* address);

/// The allocation that holds all `bytes` at `address`.
/// @throws Violation out_of_bounds_global if there is none.
Allocation& find_allocation(const void* address, std::size_t bytes, const char* what,
                            const Where& where);

/// @throws Violation out_of_bounds_shared
void check_shared_range(Access kind, const void* address, std::size_t bytes, const Bounds& bounds,
                        const Where& where);
/// @throws Violation misaligned_access unless the address is a multiple of `alignment`.
void check_alignment(const void* address, std::size_t alignment, const char* space,
                     const Where& where);
/// Counts an access of the current thread as part of its warp's request.
void log_request(const CallSite& site, bool shared, Access kind, const void* address,
                 unsigned bytes);

SectorHistory& find_sector(const std::byte* address, bool written);

/// Poison: NaN in every floating-point type, -1 in integers.
inline constexpr int poison_byte = 0xff;

}  // namespace faltung::emulator
