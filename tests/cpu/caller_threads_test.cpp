// Runs inside the threads of a caller: its TBB, its OpenMP, its threads, its allocator.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <faltung/faltung.hpp>
#include "cpp/cpu/parallel.hpp"
#ifdef FALTUNG_HAVE_TBB
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#endif

namespace faltung {
namespace {

constexpr int images = 200;
constexpr int caller_threads = 4;

// Whether this thread is in a call that has not returned.
thread_local int inside = 0;

// Images that differ, one filter, the results of runs one after the other, and a plan for several
// threads.
class CallerThreads : public ::testing::Test {
 protected:
  void SetUp() override {
    set_threads(4);
    plan_.emplace(Plan::make(Problem::parse("op=fwd dtype=f32 in=320x320 f=11x11 pad=5"),
                             Device::cpu(), {.engine = "direct"}));
    for (float& value : w_.values<float>()) value = next();
    for (int i = 0; i < distinct; ++i) {
      x_.emplace_back(f32, shape);
      for (float& value : x_.back().values<float>()) value = next();
      y_.emplace_back(f32, shape);
      plan_->run(x_.back(), w_, y_.back());
    }
  }
  void TearDown() override { set_threads(0); }

  // One run into this thread's own workspace and result.
  void run(int image) {
    thread_local Tensor workspace, result(f32, shape);
    const auto bytes = static_cast<std::int64_t>(plan_->workspace_bytes());
    if (workspace.size() < bytes) workspace = Tensor(u8, {bytes});
    if (inside++ != 0) ++reentries_;
    plan_->run(x(image), w_, result, {workspace.data(), plan_->workspace_bytes()});
    if (!equal(result, image)) ++wrong_;
    --inside;
  }

  [[nodiscard]] const Tensor& x(int image) const {
    return x_[static_cast<std::size_t>(image % distinct)];
  }
  [[nodiscard]] bool equal(const Tensor& result, int image) const {
    const Tensor& expected = y_[static_cast<std::size_t>(image % distinct)];
    return std::ranges::equal(result.values<float>(), expected.values<float>());
  }

  static constexpr int distinct = 7;
  const Shape shape{1, 1, 320, 320};
  std::optional<Plan> plan_;
  Tensor w_{f32, {1, 1, 11, 11}};
  std::vector<Tensor> x_, y_;
  std::atomic<int> wrong_{0}, reentries_{0};

 private:
  float next() {
    state_ = state_ * 1664525U + 1013904223U;
    return static_cast<float>(state_ >> 8) * 0x1p-24F;
  }
  std::uint32_t state_ = 1;
};

TEST_F(CallerThreads, PlanWithSeveralThreads) {
  // What the other tests are about; the policy says nothing of threads, so time has to.
  EXPECT_GT(plan_threads(1000, plan_->estimate_us()), 1) << plan_->estimate_us();
}

TEST_F(CallerThreads, ThreadsOfTheirOwn) {
  std::vector<std::thread> pool;
  std::atomic<int> next{0};
  for (int i = 0; i < caller_threads; ++i) {
    pool.emplace_back([&] {
      for (int image = next++; image < images; image = next++) run(image);
    });
  }
  for (std::thread& thread : pool) thread.join();
  EXPECT_EQ(wrong_, 0);
  EXPECT_EQ(reentries_, 0);
}

#ifdef _OPENMP
TEST_F(CallerThreads, OpenMp) {
#pragma omp parallel for schedule(dynamic) num_threads(caller_threads)
  for (int image = 0; image < images; ++image) run(image);
  EXPECT_EQ(wrong_, 0);
  EXPECT_EQ(reentries_, 0);
}
#endif

// A hook that runs the library itself, the same plan and others.
struct ReentrantHook {
  const Plan& plan;
  const Tensor &x, &w;
  Tensor result{f32, {1, 1, 320, 320}};
  int calls = 0;

  static void* allocate(void* context, std::size_t bytes, std::size_t alignment, const Stream& s) {
    auto& hook = *static_cast<ReentrantHook*>(context);
    ++hook.calls;
    hook.plan.run(hook.x, hook.w, hook.result);
    const Allocator standard = Allocator::standard(s.device);
    return standard.allocate(standard.context, bytes, alignment, s);
  }
  static void deallocate(void* context, void* data, std::size_t bytes, std::size_t alignment,
                         const Stream& s) {
    auto& hook = *static_cast<ReentrantHook*>(context);
    hook.plan.run(hook.x, hook.w, hook.result);
    const Allocator standard = Allocator::standard(s.device);
    standard.deallocate(standard.context, data, bytes, alignment, s);
  }
};

TEST_F(CallerThreads, AnAllocatorMayRunPlans) {
  ReentrantHook hook{*plan_, x(1), w_};
  const Plan outer =
      Plan::make(plan_->problem(), Device::cpu(),
                 {.engine = "direct",
                  .allocator = {&hook, ReentrantHook::allocate, ReentrantHook::deallocate}});
  Tensor result(f32, shape);
  for (int image = 0; image < distinct; ++image) {
    outer.run(x(image), w_, result);
    EXPECT_TRUE(equal(result, image)) << image;
    EXPECT_TRUE(equal(hook.result, 1)) << image;
  }
  EXPECT_EQ(hook.calls, distinct);
}

#ifdef FALTUNG_HAVE_TBB

// With that many threads on any machine.
template <typename F>
void callers_loop(int count, F&& f) {
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, caller_threads);
  tbb::task_arena(caller_threads).execute([&] {
    tbb::parallel_for(0, count, f, tbb::simple_partitioner());
  });
}

template <typename F>
bool wait_until(std::chrono::milliseconds limit, F&& f) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!f()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// Of three threads one waits for a block that the second has; the third starts a task meanwhile
// and takes up none. So the one that waits is the only one that might.
TEST_F(CallerThreads, WaitingStartsNoTaskOfTheCaller) {
  constexpr std::chrono::milliseconds long_time{10000}, short_time{30};
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, 3);
  std::atomic<bool> third{false}, waiting{false}, started{false}, re_entered{false};
  std::atomic<int> blocks{0};
  tbb::task_arena(3).execute([&] {
    tbb::task_group group;
    group.run([&] {
      third = true;
      wait_until(long_time, [&] { return waiting.load(); });
      group.run([&] {
        started = true;
        re_entered = inside != 0;
      });
      wait_until(short_time, [&] { return started.load(); });
    });
    ASSERT_TRUE(wait_until(long_time, [&] { return third.load(); }));
    const auto caller = std::this_thread::get_id();
    inside = 1;
    parallel_for(2, 2, [&](std::int64_t, int) {
      ++blocks;
      wait_until(long_time, [&] { return blocks == 2; });
      if (std::this_thread::get_id() == caller) return;
      waiting = true;
      wait_until(short_time, [&] { return started.load(); });
    });
    inside = 0;
    group.wait();
  });
  EXPECT_TRUE(started);
  EXPECT_FALSE(re_entered);
}

TEST_F(CallerThreads, Tbb) {
  callers_loop(images, [&](int image) { run(image); });
  EXPECT_EQ(wrong_, 0);
  EXPECT_EQ(reentries_, 0);
}

// Half of the tasks hold a mutex during a run; the others leave threads free that take up slots.
TEST_F(CallerThreads, TbbWithAMutex) {
  std::mutex mutex;
  thread_local bool holds = false;
  std::atomic<int> deadlocks{0};
  callers_loop(images, [&](int image) {
    if (image % 2 == 0) return run(image);
    if (holds) {  // to lock now would be to wait for ourselves
      ++deadlocks;
      return;
    }
    const std::scoped_lock lock(mutex);
    holds = true;
    run(image);
    holds = false;
  });
  EXPECT_EQ(deadlocks, 0);
  EXPECT_EQ(wrong_, 0);
  EXPECT_EQ(reentries_, 0);
}

// A hook waits for tasks that the caller started before the run, in an arena of one thread: it has
// to run them itself, so a run may not isolate its hooks.
struct WaitingHook {
  tbb::task_group& group;
  static void* allocate(void* context, std::size_t bytes, std::size_t alignment, const Stream& s) {
    static_cast<WaitingHook*>(context)->group.wait();
    const Allocator standard = Allocator::standard(s.device);
    return standard.allocate(standard.context, bytes, alignment, s);
  }
};

TEST_F(CallerThreads, AnAllocatorMayWaitForTasksOfTheCaller) {
  tbb::task_arena(1).execute([&] {
    tbb::task_group group;
    WaitingHook hook{group};
    const Plan plan = Plan::make(
        plan_->problem(), Device::cpu(),
        {.engine = "direct",
         .allocator = {&hook, WaitingHook::allocate, Allocator::standard({}).deallocate}});
    std::atomic<int> done{0};
    group.run([&] { ++done; });
    Tensor result(f32, shape);
    plan.run(x(3), w_, result);
    EXPECT_EQ(done, 1);
    EXPECT_TRUE(equal(result, 3));
  });
}

#endif

}  // namespace
}  // namespace faltung
