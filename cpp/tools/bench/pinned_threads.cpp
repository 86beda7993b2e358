#include "cpp/tools/bench/pinned_threads.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>

namespace faltung::bench {
namespace {

// Nanoseconds of processor time. The clock's number is the kernel's: what pthread_getcpuclockid
// gives for threads of which one knows the pthread_t.
std::int64_t busy_ns(pid_t thread) {
  constexpr unsigned scheduler_clock_of_a_thread = 6;
  const auto clock =
      static_cast<clockid_t>((~static_cast<unsigned>(thread) << 3) | scheduler_clock_of_a_thread);
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return 0;  // it has ended
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

std::map<pid_t, std::int64_t> busy_threads() {
  std::map<pid_t, std::int64_t> busy;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    busy[thread] = busy_ns(thread);
  }
  return busy;
}

}  // namespace

PinnedThreads::PinnedThreads(const std::function<void()>& warm_up) : allowed_{} {
  if (sched_getaffinity(0, sizeof(allowed_), &allowed_) != 0) CPU_ZERO(&allowed_);
  const std::map<pid_t, std::int64_t> before = busy_threads();
  warm_up();
  std::vector<std::pair<std::int64_t, pid_t>> working;  // busiest first
  for (const auto& [thread, ns] : busy_threads()) {
    const auto old = before.find(thread);
    const std::int64_t worked = old == before.end() ? ns : ns - old->second;
    if (worked > 0) working.emplace_back(-worked, thread);
  }
  if (working.empty() || CPU_COUNT(&allowed_) < 2) return;
  std::ranges::sort(working);
  // A thread that only ends, or waits, is none of those that share the work.
  std::erase_if(working,
                [max = working.front().first](const auto& w) { return 8 * w.first > max; });
  if (working.size() < 2) return;
  auto next = working.begin();
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE && next != working.end(); ++cpu) {
    if (!CPU_ISSET(cpu, &allowed_)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    const pid_t thread = (next++)->second;
    if (sched_setaffinity(thread, sizeof(one), &one) == 0) pinned_.push_back(thread);
  }
}

PinnedThreads::~PinnedThreads() {
  for (const pid_t thread : pinned_) (void)sched_setaffinity(thread, sizeof(allowed_), &allowed_);
}

}  // namespace faltung::bench
