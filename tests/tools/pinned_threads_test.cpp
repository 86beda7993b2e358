#include "cpp/tools/bench/pinned_threads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>

#include <sched.h>
#include <unistd.h>

namespace faltung::bench {
namespace {

cpu_set_t allowed(pid_t thread) {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(sched_getaffinity(thread, sizeof(set), &set), 0);
  return set;
}

// Uses processor time, even if the thread has to wait for it.
void work() {
  const auto cpu_seconds = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  for (const double start = cpu_seconds(); cpu_seconds() < start + 0.01;) {
  }
}

/// Works when told to, as the threads of a pool do.
class Helper {
 public:
  Helper() : thread_([this] { run(); }) {
    while (id_ == 0) std::this_thread::yield();
  }
  void start() { ++wanted_; }
  void wait() const {
    while (done_ < wanted_) std::this_thread::yield();
  }
  [[nodiscard]] pid_t id() const { return id_; }
  ~Helper() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run() {
    id_ = gettid();
    while (!stop_) {
      if (done_ < wanted_) {
        work();
        ++done_;
      } else {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    }
  }
  std::atomic<pid_t> id_{0};
  std::atomic<int> wanted_{0}, done_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST(PinnedThreads, GivesTwoBusyThreadsAProcessorEachWhileItLives) {
  const cpu_set_t before = allowed(0);
  if (CPU_COUNT(&before) < 2) GTEST_SKIP() << "one processor";
  Helper helper;
  {
    const PinnedThreads pinned([&] {
      helper.start();
      work();
      helper.wait();
    });
    ASSERT_EQ(pinned.count(), 2u);
    const cpu_set_t here = allowed(0), there = allowed(helper.id());
    EXPECT_EQ(CPU_COUNT(&here), 1);
    EXPECT_EQ(CPU_COUNT(&there), 1);
    EXPECT_FALSE(CPU_EQUAL(&here, &there));
  }
  const cpu_set_t here = allowed(0), there = allowed(helper.id());
  EXPECT_TRUE(CPU_EQUAL(&here, &before));
  EXPECT_TRUE(CPU_EQUAL(&there, &before));
}

// Threads that it starts later would inherit the one processor.
TEST(PinnedThreads, LeavesAThreadThatWorksAloneWhereItIs) {
  const cpu_set_t before = allowed(0);
  const PinnedThreads pinned(work);
  EXPECT_EQ(pinned.count(), 0u);
  const cpu_set_t after = allowed(0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

}  // namespace
}  // namespace faltung::bench
