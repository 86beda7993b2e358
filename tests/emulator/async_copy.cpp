#include "tests/emulator/async_copy.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/memory_checker.hpp"

namespace faltung::emulator {
namespace {

void land(const std::vector<PendingCopy>& group, Epoch writer) {
  Execution& run = execution();
  for (const PendingCopy& copy : group) {
    std::memcpy(copy.to, copy.from, copy.source_bytes);
    std::memset(copy.to + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
    run.shared_shadow().end_async_write(run.shared_offset(copy.to), copy.bytes, writer, false);
  }
}

}  // namespace

[[gnu::noinline]] void copy_async(void* to, const Bounds& bounds, const void* from, unsigned bytes,
                                  unsigned source_bytes) {
  const CallSite site = call_site();
  const Where where = Where::at(site.instruction);
  check_shared_range(Access::write, to, bytes, bounds, where);
  check_alignment(to, bytes, "shared", where);
  Execution& run = execution();
  Thread& thread = self();
  run.shared_shadow().begin_async_write(run.shared_offset(to), bytes, false, where);
  log_request(site, true, Access::write, to, bytes);
  if (source_bytes > 0) {
    check_alignment(from, bytes, "global", where);
    Allocation& source = find_allocation(from, source_bytes, "cp.async", where);
    source.shadow.access(Access::read, source.offset(from), source_bytes, where);
    // A second instruction as far as counting goes; the line is the same.
    log_request({site.instruction, site.path + 1}, false, Access::read, from, source_bytes);
  }
  thread.copies.uncommitted.push_back(
      {static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes, source_bytes});
}

void copy_async_commit() {
  CopyQueue& copies = self().copies;
  copies.groups.push_back(std::exchange(copies.uncommitted, {}));
}

void copy_async_wait(unsigned still_pending) {
  CopyQueue& copies = self().copies;
  while (copies.groups.size() > still_pending) {
    land(copies.groups.front(), self().clock.now());
    copies.groups.erase(copies.groups.begin());
  }
}

[[gnu::noinline]] void mbarrier_arrive_on_copies(void* mbarrier) {
  MbarrierState& barrier = find_mbarrier(mbarrier, false, Where::at(__builtin_return_address(0)));
  CopyQueue& copies = self().copies;
  std::vector<PendingCopy> all = std::exchange(copies.uncommitted, {});
  for (const auto& group : copies.groups) all.insert(all.end(), group.begin(), group.end());
  copies.groups.clear();
  ++barrier.copies;
  barrier.release.add(self().clock);
  self().clock.tick();
  execution().in_flight.push_back([all = std::move(all), &barrier] {
    land(all, {barrier.agent, ++barrier.copy});
    complete_arrival(barrier);
  });
}

bool is_uncommitted_destination(std::size_t shared_offset) {
  for (const Thread* thread : execution().threads) {
    for (const PendingCopy& copy : thread->copies.uncommitted) {
      const std::size_t begin = execution().shared_offset(copy.to);
      if (shared_offset >= begin && shared_offset < begin + copy.bytes) return true;
    }
  }
  return false;
}

void finish_copies(const Thread& thread) {
  bool left = !thread.copies.uncommitted.empty();
  for (const auto& group : thread.copies.groups) left = left || !group.empty();
  if (left) {
    fail(Check::copy_left_in_flight, execution().describe(static_cast<Agent>(thread.id)) +
                                         " exits without waiting for its asynchronous copies");
  }
}

}  // namespace faltung::emulator
