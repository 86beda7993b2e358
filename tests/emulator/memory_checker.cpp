#include "tests/emulator/memory_checker.hpp"

#include <sys/mman.h>

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
Allocation* last_found = nullptr;

Allocation* lookup(const std::byte* address) {
  if (last_found != nullptr && address >= last_found->begin &&
      address <= last_found->begin + last_found->bytes) {
    return last_found;
  }
  auto next = allocations().upper_bound(address);
  if (next == allocations().begin()) return nullptr;
  Allocation* found = std::prev(next)->second.get();
  if (address > found->begin + found->bytes) return nullptr;
  return last_found = found;
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

Allocation::Allocation(std::byte* begin_, std::size_t bytes_)
    : begin(begin_),
      bytes(bytes_),
      shadow(Shadow::Memory::global, bytes_),
      reads(bytes_ / 32 + 1),
      writes(bytes_ / 32 + 1) {}

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

[[gnu::noinline]] void access_global(Access kind, const void* address, unsigned bytes) {
  const CallSite site = call_site();
  const Where where = Where::at(site.instruction);
  Allocation& allocation = find_allocation(address, bytes, verb(kind), where);
  check_alignment(address, bytes, "global", where);
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

using faltung::emulator::Allocation;
namespace emulator = faltung::emulator;

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  const auto turn = emulator::take_turn();
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (bytes > emulator::reserve / 4) return emulator::answer(cudaErrorMemoryAllocation);
  void* range = mmap(nullptr, emulator::reserve, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return cudaErrorMemoryAllocation;
  std::byte* begin = static_cast<std::byte*>(range) + emulator::lead;
  if (mprotect(begin - 256, bytes + 256, PROT_READ | PROT_WRITE) != 0) {
    munmap(range, emulator::reserve);
    return cudaErrorMemoryAllocation;
  }
  std::memset(begin, emulator::poison_byte, bytes);
  emulator::allocations().emplace(begin, std::make_unique<Allocation>(begin, bytes));
  *pointer = begin;
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  const auto turn = emulator::take_turn();
  if (pointer == nullptr) return cudaSuccess;
  const auto found = emulator::allocations().find(static_cast<const std::byte*>(pointer));
  if (found == emulator::allocations().end()) return cudaErrorInvalidValue;
  munmap(static_cast<std::byte*>(pointer) - emulator::lead, emulator::reserve);
  emulator::allocations().erase(found);
  emulator::last_found = nullptr;
  return cudaSuccess;
}

cudaError_t cudaMemset(void* pointer, int value, std::size_t bytes) {
  const auto turn = emulator::take_turn();
  if (bytes == 0) return cudaSuccess;
  Allocation& allocation = emulator::find_allocation(pointer, bytes, "cudaMemset", {});
  std::memset(pointer, value, bytes);
  allocation.shadow.set_valid(allocation.offset(pointer), bytes, true);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  const auto turn = emulator::take_turn();
  if (bytes == 0) return cudaSuccess;
  const auto* target = static_cast<const std::byte*>(to);
  if (Allocation* allocation = emulator::lookup(target); allocation != nullptr) {
    emulator::find_allocation(to, bytes, "cudaMemcpy", {});
    allocation->shadow.set_valid(allocation->offset(to), bytes, true);
  }
  if (emulator::lookup(static_cast<const std::byte*>(from)) != nullptr) {
    emulator::find_allocation(from, bytes, "cudaMemcpy", {});
  }
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  using emulator::machine;
  if (device < 0 || device >= machine.devices) return emulator::answer(cudaErrorInvalidDevice);
  *properties = {.name = "emulated H200",
                 .totalGlobalMem = std::size_t{141} << 30,
                 .sharedMemPerBlockOptin = emulator::shared_limit,
                 .major = machine.major,
                 .minor = 0,
                 .multiProcessorCount = 132,
                 .l2CacheSize = 60 << 20};
  return emulator::answer(cudaSuccess);
}
