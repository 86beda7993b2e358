#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>

#include <faltung/threads.hpp>

#include "cpp/core/machine.hpp"

/// How the CPU engines share work. A task cuts its work into blocks by the problem alone, and every
/// block writes results of its own; so who computes a block, and how many threads there are,
/// changes no bit.
namespace faltung {

/// A run with less work than this gains nothing from a second thread, which halves what is left of
/// it when it wakes up.
inline double min_microseconds_per_thread() { return 2 * cpu_machine().thread_wake_us; }

/// How many threads a task should plan for: each needs workspace of its own.
///
/// @param blocks        what the work is cut into
/// @param microseconds  how long one thread would take
inline int plan_threads(std::int64_t blocks, double microseconds) {
  const double useful = std::max(1.0, microseconds / min_microseconds_per_thread());
  const auto max = std::max<std::int64_t>(1, std::min<std::int64_t>(threads(), blocks));
  return useful < static_cast<double>(max) ? static_cast<int>(useful) : static_cast<int>(max);
}

/// Microseconds of a run that one thread would do in so many, if it is cut into plenty of blocks.
inline double shared_us(double microseconds) {
  const int count = plan_threads(std::numeric_limits<std::int64_t>::max(), microseconds);
  return microseconds / (1 + cpu_machine().thread_gain * (count - 1));
}

namespace detail {
/// Calls `work(slot)` for each slot below `slots`, in as many threads as there are.
void run_slots(int slots, const std::function<void(int)>& work);
}  // namespace detail

/// Calls `f(block, slot)` once for every block below `blocks`. Two calls at the same time have
/// different slots below `slots`, so a slot names a piece of workspace; which block gets which slot
/// is left to chance. With one slot everything runs in order on the calling thread.
///
/// The first exception is thrown again after all threads have stopped.
template <typename F>
void parallel_for(std::int64_t blocks, int slots, F&& f) {
  if (slots <= 1 || blocks <= 1) {
    for (std::int64_t block = 0; block < blocks; ++block) f(block, 0);
    return;
  }
  std::atomic<std::int64_t> next{0};
  const auto work = [&](int slot) {
    for (std::int64_t block = next++; block < blocks; block = next++) f(block, slot);
  };
  detail::run_slots(slots, std::cref(work));  // a reference: std::function then allocates nothing
}

}  // namespace faltung
