#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/emulator/fiber_scheduler.hpp"
#include "tests/emulator/toolkit/device_api.hpp"

namespace faltung::emulator {

/// Global memory in one direction. A request is one instruction of one warp; it moves whole
/// sectors of 32 bytes.
struct Traffic {
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;            ///< asked for, each lane's share counted
  std::uint64_t useful_bytes = 0;     ///< asked for, once per request
  std::uint64_t sectors = 0;          ///< once per request
  std::uint64_t cluster_sectors = 0;  ///< once per cluster: what a perfect L1 would let through
  std::uint64_t distinct_bytes = 0;   ///< once per launch: the least that can move
  Traffic& operator+=(const Traffic& other);
  /// Share of the bytes of all sectors that somebody asked for; 1 is perfectly coalesced.
  [[nodiscard]] double sector_use() const;
  /// What passes a perfect L1, against the least that can move; above 1 is halo or waste.
  [[nodiscard]] double redundancy() const;
};

/// Shared memory. A wavefront is one pass over the 32 banks; more than `ideal_wavefronts` means
/// bank conflicts.
struct SharedTraffic {
  std::uint64_t requests = 0;
  std::uint64_t wavefronts = 0;
  std::uint64_t ideal_wavefronts = 0;
  SharedTraffic& operator+=(const SharedTraffic& other);
  [[nodiscard]] double conflict_factor() const;
};

/// What one launch did.
struct Counters {
  Traffic read, write;
  SharedTraffic shared;
  std::uint64_t multiply_adds = 0;        ///< by threads, through multiply_add()
  std::uint64_t special = 0;              ///< reciprocals, roots, exponentials
  std::uint64_t tensor_instructions = 0;  ///< mma per warp, wgmma per warpgroup
  std::uint64_t tensor_multiply_adds = 0;
  std::uint64_t block_barriers = 0;
  std::uint64_t warp_collectives = 0;
  std::uint64_t atomics = 0;
};

/// One instruction of the kernel, as far as memory goes.
struct SiteCounters {
  Traffic global;
  SharedTraffic shared;
};

/// Tells one instruction of a kernel from another. A function that was not inlined holds one
/// instruction for all its callers, so the whole chain of calls counts.
struct CallSite {
  const void* instruction = nullptr;  ///< for messages
  std::uintptr_t path = 0;
};

/// Whether the running launch counts what it moves: only if a Recorder keeps it.
extern bool counting;

/// Of the call to the function that this is inlined into; the path, which only counting needs, is 0
/// without it.
[[gnu::always_inline]] inline CallSite call_site() {
  return {__builtin_return_address(0), counting ? call_path(__builtin_frame_address(0)) : 0};
}

/// Puts the accesses of a warp's lanes back together. Lanes run one after another here; the n-th
/// execution of an instruction by one lane belongs with the n-th by the others.
class RequestLog {
 public:
  /// `lane` accesses `bytes` at `address`.
  void add(const CallSite& site, bool shared, Access kind, unsigned lane, unsigned present,
           const std::byte* address, unsigned bytes);
  /// The warp has synchronised: whatever lanes are missing will not come.
  void flush();

 private:
  struct Request {
    unsigned mask = 0;
    std::array<const std::byte*, 32> address;
  };
  struct Site {
    const void* instruction = nullptr;
    bool shared = false;
    Access kind = Access::read;
    unsigned bytes = 0;
    std::uint64_t done = 0;  ///< requests of before `open`
    std::array<std::uint64_t, 32> executed{};
    std::vector<Request> open;
    std::size_t counted = 0;  ///< of `open`
  };
  static void account(const Site& site, const Request& request);
  std::unordered_map<std::uintptr_t, Site> sites_;  ///< by call path
  bool pending_ = false;                            ///< something was added since the last flush
};

/// Counts one global request that no thread's load made: a bulk copy of contiguous bytes.
void count_bulk_global(Access kind, const std::byte* address, std::size_t bytes);

/// What the sites of the current launch did, by instruction address.
std::map<const void*, SiteCounters>& site_counters();

}  // namespace faltung::emulator
