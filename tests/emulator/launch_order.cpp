#include "tests/emulator/launch_order.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/emulator/memory_checker.hpp"
#include "tests/emulator/violation.hpp"

namespace faltung::emulator {
namespace {

struct Launch {
  std::uint32_t number;
  Queue queue;
};

std::vector<Launch>& launches() {
  static std::vector<Launch> list;
  return list;
}

/// Whether bytes from `begin` to `end` of an allocation were written last by this launch.
bool wrote(const Allocation& allocation, std::size_t begin, std::size_t end, std::uint32_t launch) {
  for (std::size_t sector = begin / 32; sector <= (end - 1) / 32; ++sector) {
    const SectorHistory& history = allocation.written[sector];
    if (history.cluster != launch) continue;
    const std::size_t first = std::max(begin, 32 * sector) - 32 * sector;
    const std::size_t last = std::min(end, 32 * sector + 32) - 32 * sector;
    const std::uint64_t wanted = (std::uint64_t{1} << last) - (std::uint64_t{1} << first);
    if ((history.bytes & wanted) != 0) return true;
  }
  return false;
}

}  // namespace

void note_launch(std::uint32_t launch, const Queue& queue) {
  launches().push_back({launch, queue});
}

void end_launches(const Queue& queue) {
  std::erase_if(launches(), [&](const Launch& launch) { return queue.follows(launch.queue); });
}

void end_launches(int device) {
  std::erase_if(launches(), [&](const Launch& launch) { return launch.queue.device == device; });
}

bool has_launches_beside(const Queue& queue) {
  return std::ranges::any_of(launches(), [&](const Launch& launch) {
    return launch.queue.device == queue.device && !queue.follows(launch.queue);
  });
}

void check_results(const void* address, std::size_t bytes, const Queue& queue, const char* what) {
  const Allocation* allocation = bytes == 0 ? nullptr : allocation_at(address);
  if (allocation == nullptr) return;
  const std::size_t begin = allocation->offset(address);
  for (const Launch& launch : launches()) {
    if (queue.follows(launch.queue)) continue;
    if (!wrote(*allocation, begin, begin + bytes, launch.number)) continue;
    fail(
        Check::unfinished_kernel,
        std::string(what) +
            " of memory that an earlier kernel of another stream writes; nobody has waited for it");
  }
}

}  // namespace faltung::emulator
