#include "tests/emulator/memory_checker.hpp"

#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/toolkit/cuda_runtime.h"

namespace faltung::emulator {
namespace {

// Every allocation sits in the middle of its own reserved range. Bases are multiples of 256 and no
// more, which is what cudaMalloc promises.
constexpr std::size_t reserve = std::size_t{16} << 30;
constexpr std::size_t lead = (reserve / 2) + 256;

std::map<const std::byte*, std::unique_ptr<Allocation>>& allocations() {
  static std::map<const std::byte*, std::unique_ptr<Allocation>> map;
  return map;
}

/// Those found last: kernels go to and fro between a few.
std::array<Allocation*, 4> recent{};
std::size_t oldest = 0;

Allocation* lookup(const std::byte* address) {
  for (Allocation* found : recent) {
    if (found != nullptr && address >= found->begin && address <= found->begin + found->bytes) {
      return found;
    }
  }
  auto next = allocations().upper_bound(address);
  if (next == allocations().begin()) return nullptr;
  Allocation* found = std::prev(next)->second.get();
  if (address > found->begin + found->bytes) return nullptr;
  oldest = (oldest + 1) % recent.size();
  return recent[oldest] = found;
}

std::string nearest(const std::byte* address) {
  const Allocation* best = nullptr;
  std::ptrdiff_t distance = 0;
  for (const auto& [begin, allocation] : allocations()) {
    const std::ptrdiff_t here = address - begin;
    if (best == nullptr || std::abs(here) < std::abs(distance)) {
      best = allocation.get();
      distance = here;
    }
  }
  if (best == nullptr) return "there are no allocations";
  return "the nearest allocation has " + std::to_string(best->bytes) + " bytes, this is at byte " +
         std::to_string(distance) + " of it";
}

const char* verb(Access kind) {
  return kind == Access::read ? "read" : kind == Access::write ? "write" : "atomic";
}

}  // namespace

Allocation* allocation_at(const void* address) {
  return lookup(static_cast<const std::byte*>(address));
}

Allocation* allocate_memory(std::size_t bytes) {
  if (bytes > reserve / 4) return nullptr;
  void* range =
      mmap(nullptr, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return nullptr;
  std::byte* begin = static_cast<std::byte*>(range) + lead;
  if (mprotect(begin - 256, bytes + 256, PROT_READ | PROT_WRITE) != 0) {
    munmap(range, reserve);
    return nullptr;
  }
  std::memset(begin, poison_byte, bytes);
  return allocations()
      .emplace(begin, std::make_unique<Allocation>(begin, bytes))
      .first->second.get();
}

std::size_t allocation_count() { return allocations().size(); }

void release_memory(const Allocation& allocation) {
  std::byte* begin = allocation.begin;
  allocations().erase(begin);
  munmap(begin - lead, reserve);
  recent.fill(nullptr);
}

Allocation::Allocation(std::byte* begin_, std::size_t bytes_)
    : begin(begin_),
      bytes(bytes_),
      shadow(Shadow::Memory::global, bytes_),
      reads(bytes_ / 32 + 1),
      writes(bytes_ / 32 + 1),
      read_only(bytes_ / 32 + 1),
      written(bytes_ / 32 + 1),
      readers(bytes_ / 32 + 1) {}

Allocation& find_allocation(const void* address, std::size_t bytes, const char* what,
                            const Where& where) {
  const auto* begin = static_cast<const std::byte*>(address);
  Allocation* found = lookup(begin);
  if (found == nullptr || found->offset(begin) + bytes > found->bytes) {
    fail(Check::out_of_bounds_global,
         std::string(what) + " of " + std::to_string(bytes) + " bytes outside global memory; " +
             nearest(begin),
         where);
  }
  return *found;
}

SectorHistory& find_sector(const std::byte* address, bool written) {
  Allocation& allocation = *lookup(address);
  return (written ? allocation.writes : allocation.reads)[allocation.offset(address) / 32];
}

void check_alignment(const void* address, std::size_t alignment, const char* space,
                     const Where& where) {
  const auto value = reinterpret_cast<std::uintptr_t>(address);
  if (std::has_single_bit(alignment) && (value & (alignment - 1)) == 0) return;
  if (value % alignment == 0) return;
  fail(Check::misaligned_access,
       std::string(space) + " access of " + std::to_string(alignment) + " bytes at an address " +
           std::to_string(value % alignment) + " past a multiple of " + std::to_string(alignment),
       where);
}

void check_shared_range(Access kind, const void* address, std::size_t bytes, const Bounds& bounds,
                        const Where& where) {
  const auto* begin = static_cast<const std::byte*>(address);
  if (begin >= bounds.begin && begin + bytes <= bounds.end) return;
  fail(Check::out_of_bounds_shared,
       std::string(verb(kind)) + " of " + std::to_string(bytes) + " bytes at byte " +
           std::to_string(begin - bounds.begin) + " of a shared array of " +
           std::to_string(bounds.end - bounds.begin) + " bytes",
       where);
}

void log_request(const CallSite& site, bool shared, Access kind, const void* address,
                 unsigned bytes) {
  if (!counting) return;
  const Thread& thread = self();
  if (kind == Access::atomic) ++execution().counters.atomics;
  thread.warp->requests.add(site, shared, kind, static_cast<unsigned>(thread.lane),
                            thread.warp->present, static_cast<const std::byte*>(address), bytes);
}

[[gnu::noinline]] void check_index(std::initializer_list<std::ptrdiff_t> index, const int* extent) {
  const int* of_axis = extent;
  for (const std::ptrdiff_t i : index) {
    if (i < 0 || i >= *of_axis) {
      fail(Check::out_of_bounds_global,
           "index " + std::to_string(i) + " along axis " + std::to_string(of_axis - extent) +
               " of a view that has " + std::to_string(*of_axis) + " elements there",
           Where::at(__builtin_return_address(0)));
    }
    ++of_axis;
  }
}

namespace {

void check_owner(const Allocation& allocation, const void* address, unsigned bytes,
                 const Where& where) {
  if (allocation.device != execution().device) {
    fail(Check::wrong_device,
         "memory of device " + std::to_string(allocation.device) + " in a kernel that runs on " +
             std::to_string(execution().device),
         where);
  }
  if (execution().has_company) check_access(address, bytes);
}

/// The bytes of an access in its sector, which holds all of them.
std::uint32_t sector_bytes(std::size_t offset, unsigned bytes) {
  return static_cast<std::uint32_t>(((std::uint64_t{1} << bytes) - 1) << (offset % 32));
}

/// Notes that this launch used bytes of a sector in one way, and objects to the other way. Caches
/// of the read-only path may hold what memory held before the launch.
void check_read_only(SectorHistory& own, const SectorHistory& other, std::uint32_t bytes,
                     const Where& where) {
  const std::uint32_t launch = execution().launch;
  if (own.cluster != launch) own = {launch, 0};
  own.bytes |= bytes;
  if (other.cluster == launch && (other.bytes & bytes) != 0) {
    fail(Check::read_only_load_of_written,
         "memory that is written by the same launch is read through the read-only path", where);
  }
}

}  // namespace

[[gnu::noinline]] void note_read_only(const void* address, unsigned bytes) {
  const Where where = Where::at(__builtin_return_address(0));
  Allocation& allocation = find_allocation(address, bytes, "read", where);
  const std::size_t offset = allocation.offset(address);
  allocation.readers[offset / 32] = execution().launch;
  check_read_only(allocation.read_only[offset / 32], allocation.written[offset / 32],
                  sector_bytes(offset, bytes), where);
}

[[gnu::noinline]] void access_global(Access kind, const void* address, unsigned bytes) {
  const CallSite site = call_site();
  const Where where = Where::at(site.instruction);
  Allocation& allocation = find_allocation(address, bytes, verb(kind), where);
  check_alignment(address, bytes, "global", where);
  check_owner(allocation, address, bytes, where);
  if (kind != Access::read) {
    const std::size_t offset = allocation.offset(address);
    check_read_only(allocation.written[offset / 32], allocation.read_only[offset / 32],
                    sector_bytes(offset, bytes), where);
  } else {
    allocation.readers[allocation.offset(address) / 32] = execution().launch;
  }
  allocation.shadow.access(kind, allocation.offset(address), bytes, where);
  log_request(site, false, kind, address, bytes);
}

[[gnu::noinline]] void access_shared(Access kind, const void* address, unsigned bytes,
                                     const Bounds& bounds) {
  const CallSite site = call_site();
  const Where where = Where::at(site.instruction);
  check_shared_range(kind, address, bytes, bounds, where);
  check_alignment(address, bytes, "shared", where);
  Execution& run = execution();
  run.shared_shadow().access(kind, run.shared_offset(address), bytes, where);
  log_request(site, true, kind, address, bytes);
}

}  // namespace faltung::emulator
