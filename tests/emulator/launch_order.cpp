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
  Moment moment;
};

/// Of all queues that ever had work or waited.
std::map<std::pair<int, std::uint64_t>, StreamClock>& clocks() {
  static std::map<std::pair<int, std::uint64_t>, StreamClock> map;
  return map;
}

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

bool StreamClock::covers(const Moment& moment) const {
  const auto found = ticks_.find({moment.queue.device, moment.queue.id});
  return found != ticks_.end() && found->second >= moment.tick;
}

void StreamClock::advance(const Moment& moment) {
  std::uint64_t& tick = ticks_[{moment.queue.device, moment.queue.id}];
  tick = std::max(tick, moment.tick);
}

void StreamClock::join(const StreamClock& other) {
  for (const auto& [queue, tick] : other.ticks_) {
    advance({{queue.first, queue.second}, tick});
  }
}

Moment begin_work(const Queue& queue) {
  static std::uint64_t works = 0;
  const Moment moment{queue, ++works};
  clocks()[{queue.device, queue.id}].advance(moment);
  return moment;
}

const StreamClock& clock_of(const Queue& queue) { return clocks()[{queue.device, queue.id}]; }

void wait_for(const Queue& queue, const StreamClock& clock) {
  clocks()[{queue.device, queue.id}].join(clock);
}

StreamClock clock_of_device(int device) {
  StreamClock all;
  for (const auto& [queue, clock] : clocks()) {
    if (queue.first == device) all.join(clock);
  }
  return all;
}

void note_launch(std::uint32_t launch, const Queue& queue) {
  launches().push_back({launch, begin_work(queue)});
}

void end_launches(const StreamClock& clock) {
  std::erase_if(launches(), [&](const Launch& launch) { return clock.covers(launch.moment); });
}

bool has_launches_beside(const Queue& queue) {
  return std::ranges::any_of(launches(), [&](const Launch& launch) {
    return launch.moment.queue.device == queue.device && !clock_of(queue).covers(launch.moment);
  });
}

void check_results(const void* address, std::size_t bytes, const Queue& queue, const char* what) {
  const Allocation* allocation = bytes == 0 ? nullptr : allocation_at(address);
  if (allocation == nullptr) return;
  const std::size_t begin = allocation->offset(address);
  for (const Launch& launch : launches()) {
    if (clock_of(queue).covers(launch.moment)) continue;
    if (!wrote(*allocation, begin, begin + bytes, launch.number)) continue;
    fail(
        Check::unfinished_kernel,
        std::string(what) +
            " of memory that an earlier kernel of another stream writes; nobody has waited for it");
  }
}

void check_readers(const void* address, std::size_t bytes, const Queue& queue, const char* what) {
  const Allocation* allocation = bytes == 0 ? nullptr : allocation_at(address);
  if (allocation == nullptr) return;
  const auto first =
      allocation->readers.begin() + static_cast<std::ptrdiff_t>(allocation->offset(address) / 32);
  const auto last = allocation->readers.begin() +
                    static_cast<std::ptrdiff_t>((allocation->offset(address) + bytes - 1) / 32) + 1;
  for (const Launch& launch : launches()) {
    if (clock_of(queue).covers(launch.moment)) continue;
    if (std::find(first, last, launch.number) == last) continue;
    fail(Check::unfinished_kernel, std::string(what) +
                                       " over memory that an earlier kernel of another stream "
                                       "reads; nobody has waited for it");
  }
}

}  // namespace faltung::emulator
