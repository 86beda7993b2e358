#include <faltung/threads.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <sched.h>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/single_thread.hpp"

namespace faltung {
namespace {

constexpr int max_threads = 1024;
std::atomic<int> wanted{0};   // 0: nobody said
thread_local int scoped = 0;  // 0: no ScopedThreads lives

// A container or taskset may leave fewer processors than the machine has.
int processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::clamp(CPU_COUNT(&set), 1, max_threads);
}

int from_environment() {
  const char* value = std::getenv("FALTUNG_THREADS");
  if (value == nullptr || *value == '\0') return processors();
  const std::string_view text = value;
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1 ||
      count > max_threads) {
    throw InvalidProblem(message("environment variable FALTUNG_THREADS is '", text,
                                 "', not a number of threads from 1 to ", max_threads,
                                 "; correct or unset it"));
  }
  return count;
}

}  // namespace

ScopedThreads::ScopedThreads(int count) : outer_(std::exchange(scoped, count)) {}
ScopedThreads::~ScopedThreads() { scoped = outer_; }

int threads() {
  if (scoped != 0) return scoped;
  const int count = wanted.load(std::memory_order_relaxed);
  if (count != 0) return count;
  static const int standard = from_environment();
  return standard;
}

void set_threads(int count) {
  if (count < 0 || count > max_threads) {
    throw InvalidProblem(
        message("threads is ", count, "; give 1 to ", max_threads, ", or 0 for one per processor"));
  }
  wanted.store(count, std::memory_order_relaxed);
}

}  // namespace faltung
