#include "tests/emulator/mbarrier.hpp"

#include <string>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/fiber_scheduler.hpp"

namespace faltung::emulator {
namespace {

constexpr std::int64_t max_bytes = (1 << 20) - 1;  // PTX: the range of tx-count

void complete_phase_if_due(MbarrierState& barrier) {
  if (barrier.pending > 0 || barrier.missing_bytes != 0) return;
  if (barrier.copies > 0) {
    fail(Check::missing_expect_tx,
         "a phase of an mbarrier is complete while " + std::to_string(barrier.copies) +
             " copies that should signal it are still under way; expect their bytes first");
  }
  ++barrier.phase;
  barrier.pending = barrier.arrivals;
  barrier.completed = barrier.release.take();
  for (Thread* thread : barrier.waiting) wake(*thread);
  barrier.waiting.clear();
}

void count_arrival(MbarrierState& barrier, const Where& where) {
  if (barrier.pending == 0) {
    fail(Check::mbarrier_overflow,
         "more than " + std::to_string(barrier.arrivals) + " arrivals in one phase of an mbarrier",
         where);
  }
  --barrier.pending;
  complete_phase_if_due(barrier);
}

}  // namespace

MbarrierState& find_mbarrier(const void* address, bool engine, const Where& where) {
  Execution& run = execution();
  const auto found = run.mbarriers.find(address);
  if (found == run.mbarriers.end()) {
    fail(Check::mbarrier_not_initialised, "no mbarrier was initialised here", where);
  }
  MbarrierState& barrier = found->second;
  const Clock& clock = self().clock;
  if (!clock.knows(barrier.initialised)) {
    fail(Check::shared_race,
         "uses an mbarrier that " + run.describe(barrier.initialised.agent) +
             " initialised; no barrier orders them",
         where);
  }
  if (engine && !run.fenced(barrier.initialised, clock.last_known(barrier.initialised.agent))) {
    fail(Check::missing_proxy_fence,
         "the copy engine uses an mbarrier that was initialised without fence_mbarrier_init()",
         where);
  }
  return barrier;
}

[[gnu::noinline]] void mbarrier_init(void* mbarrier, int arrivals) {
  const Where where = Where::at(__builtin_return_address(0));
  Execution& run = execution();
  run.shared_shadow().access(Access::write, run.shared_offset(mbarrier), 8, where);
  if (arrivals < 1 || arrivals > max_bytes) {
    fail(Check::mbarrier_overflow,
         "an mbarrier for " + std::to_string(arrivals) + " arrivals; 1 to 2^20-1 are possible",
         where);
  }
  const auto [entry, is_new] = run.mbarriers.try_emplace(mbarrier);
  MbarrierState& barrier = entry->second;
  const Agent agent = is_new ? run.agents++ : barrier.agent;
  const std::uint32_t copy = barrier.copy;
  barrier = {};
  barrier.agent = agent;
  barrier.copy = copy;
  barrier.arrivals = barrier.pending = arrivals;
  barrier.initialised = self().clock.now();
}

[[gnu::noinline]] void mbarrier_arrive(void* mbarrier, int bytes) {
  const Where where = Where::at(__builtin_return_address(0));
  MbarrierState& barrier = find_mbarrier(mbarrier, false, where);
  barrier.missing_bytes += bytes;
  if (barrier.missing_bytes > max_bytes) {
    fail(Check::mbarrier_overflow,
         "an mbarrier expects " + std::to_string(barrier.missing_bytes) +
             " bytes; it counts to 2^20-1",
         where);
  }
  Thread& thread = self();
  barrier.release.add(thread.clock);
  thread.clock.tick();
  count_arrival(barrier, where);
}

[[gnu::noinline]] bool mbarrier_try_wait(void* mbarrier, int parity) {
  require_capability(9, "mbarrier.try_wait");
  const Where where = Where::at(__builtin_return_address(0));
  MbarrierState& barrier = find_mbarrier(mbarrier, false, where);
  const auto is_complete = [&] {
    return (barrier.phase & 1u) != static_cast<unsigned>(parity & 1);
  };
  if (!is_complete()) {
    barrier.waiting.push_back(&self());
    park(Wait::mbarrier, where);
    // The hardware gives up waiting after a while; a program must ask again.
    if (!is_complete() || execution().random() % 4 == 0) return false;
  }
  self().clock.acquire(barrier.completed);
  return true;
}

void complete_bytes(MbarrierState& barrier, std::int64_t bytes) {
  --barrier.copies;
  barrier.missing_bytes -= bytes;
  barrier.release.add({barrier.agent, barrier.copy});
  complete_phase_if_due(barrier);
}

void complete_arrival(MbarrierState& barrier) {
  --barrier.copies;
  barrier.release.add({barrier.agent, barrier.copy});
  count_arrival(barrier, {});
}

void fence_proxy() {
  Thread& thread = self();
  thread.fences.push_back(thread.clock.now().time);
  thread.clock.tick();
}

int cluster_rank() { return static_cast<int>(self().block->rank); }

[[gnu::noinline]] void cluster_arrive() {
  require_capability(9, "barrier.cluster");
  Thread& thread = self();
  ClusterBarrier& barrier = execution().cluster_barrier;
  barrier.release.add(thread.clock);
  thread.clock.tick();
  thread.cluster_phase = barrier.phase;
  if (++barrier.arrived < execution().threads.size()) return;
  barrier.arrived = 0;
  ++barrier.phase;
  barrier.completed = barrier.release.take();
  for (Thread* waiting : barrier.waiting) wake(*waiting);
  barrier.waiting.clear();
}

[[gnu::noinline]] void cluster_wait() {
  const Where where = Where::at(__builtin_return_address(0));
  Thread& thread = self();
  ClusterBarrier& barrier = execution().cluster_barrier;
  if (barrier.phase == thread.cluster_phase) {
    barrier.waiting.push_back(&thread);
    park(Wait::cluster, where);
  }
  thread.clock.acquire(barrier.completed);
  thread.warp->requests.flush();
}

}  // namespace faltung::emulator
