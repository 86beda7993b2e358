#include <faltung/plan_cache.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include <faltung/nn.hpp>
#include <faltung/signal.hpp>
#include <faltung/threads.hpp>

namespace faltung {
namespace {

Tensor ramp(std::int64_t count) {
  Tensor x(f32, {count});
  float next = 0;
  for (float& value : x.values<float>()) value = ++next;
  return x;
}

bool equal(const Tensor& a, const Tensor& b) {
  return std::ranges::equal(a.values<float>(), b.values<float>());
}

// Calls that found a plan, and that did not, since this was made.
class Count {
 public:
  [[nodiscard]] std::uint64_t found() const { return plan_cache_use().found - start_.found; }
  [[nodiscard]] std::uint64_t missed() const { return plan_cache_use().missed - start_.missed; }

 private:
  PlanCacheUse start_ = plan_cache_use();
};

class PlanCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    clear_plan_cache();
    set_plan_cache_limits({});
  }
  void TearDown() override {
    set_threads(0);
    SetUp();
  }
  const Tensor k = Tensor::from<float>({1, 2, 3}, {3});
};

TEST_F(PlanCacheTest, TheSecondCallFindsThePlan) {
  const Count count;
  const Tensor first = signal::convolve(ramp(8), k);
  EXPECT_EQ(plan_cache_use().plans, 1U);
  EXPECT_GT(plan_cache_use().bytes, 0U);
  const Tensor second = signal::convolve(ramp(8), k);
  EXPECT_EQ(count.missed(), 1U);
  EXPECT_EQ(count.found(), 1U);
  EXPECT_TRUE(equal(first, second));
  EXPECT_EQ(first.values<float>()[2], 1 * 3 + 2 * 2 + 3 * 1);
}

TEST_F(PlanCacheTest, ReadsOperandsAnew) {
  const Tensor before = signal::convolve(ramp(8), k);
  const Tensor other = signal::convolve(ramp(8), Tensor::from<float>({0, 0, 2}, {3}));
  EXPECT_EQ(plan_cache_use().plans, 1U);
  EXPECT_EQ(other.values<float>()[2], 2);
  EXPECT_EQ(other.values<float>()[9], 16);
}

TEST_F(PlanCacheTest, EveryFrontEndKeepsPlans) {
  const Tensor image = std::move(ramp(36)).reshaped({6, 6});
  const Tensor layer = std::move(ramp(36)).reshaped({1, 1, 6, 6});
  const Tensor w = std::move(ramp(9)).reshaped({1, 1, 3, 3});
  const auto twice = [](auto&& call) {
    call();
    const Count count;
    call();
    EXPECT_EQ(count.missed(), 0U);
    return count.found();
  };
  EXPECT_EQ(twice([&] { (void)signal::fftconvolve(ramp(9), k); }), 1U);
  EXPECT_EQ(twice([&] { (void)signal::upfirdn(k, ramp(9), {.up = 2}); }), 1U);
  EXPECT_EQ(twice([&] { (void)signal::choose_method(ramp(9), k); }), 1U);
  EXPECT_EQ(twice([&] { (void)image::correlate(image, image); }), 1U);
  EXPECT_GE(twice([&] { (void)image::gaussian(image, {.sigma = 1}); }), 2U);
  EXPECT_EQ(twice([&] { (void)nn::conv(layer, w, {.padding = 1}); }), 1U);
}

TEST_F(PlanCacheTest, WhateverChangesAPlanIsPartOfItsKey) {
  const Count count;
  const Tensor image = std::move(ramp(36)).reshaped({6, 6});
  const Tensor other = std::move(ramp(42)).reshaped({6, 7});
  std::uint64_t expected = 0;
  const auto is_new = [&](auto&& call) {
    call();
    EXPECT_EQ(count.missed(), ++expected);
  };
  set_threads(1);
  const auto plain = [&] { (void)image::correlate(image, image); };
  is_new(plain);
  is_new([&] { (void)image::correlate(other, image); });
  is_new([&] { (void)image::correlate(image, other); });
  is_new([&] { (void)image::correlate(image, image, {.boundary = Boundary::wrap()}); });
  is_new([&] { (void)image::correlate(image, image, {.boundary = Boundary::constant(2)}); });
  is_new([&] { (void)image::correlate(image, image, {.output = f64}); });
  is_new([&] { (void)image::correlate(image, image, {.method = Method::direct}); });
  is_new([&] { (void)image::correlate(image, image, {.run = {.engine = "reference"}}); });
  is_new([&] { (void)image::correlate(image, image, {.run = {.workspace_limit = 1 << 20}}); });
  is_new([&] { (void)image::correlate(image, image, {.run = {.flush_subnormals = true}}); });
  is_new([&] {
    Tensor columns(f32, {6, 12});
    image::correlate(image, image, columns.slice(1, {.step = 2}));
  });
  set_threads(2);
  is_new(plain);
  EXPECT_EQ(count.found(), 0U);
  set_threads(1);
  plain();
  EXPECT_EQ(count.found(), 1U);
}

// NaN would never be found again, and -0 would find the plan of 0.
TEST_F(PlanCacheTest, NumbersWithoutAnEqualAreNotKept) {
  for (const double value : {std::nan(""), -0.0}) {
    const Count count;
    for (int i = 0; i < 3; ++i) {
      (void)image::correlate1d(ramp(8), k, {.boundary = Boundary::constant(value)});
    }
    EXPECT_EQ(count.missed() + count.found(), 0U);
    EXPECT_EQ(plan_cache_use().plans, 0U);
  }
}

TEST_F(PlanCacheTest, AnAllocatorOfTheCallersIsNotKept) {
  const Allocator standard = Allocator::standard(Device::cpu());
  const Tensor x = std::move(ramp(16)).reshaped({1, 1, 4, 4});
  const Tensor w = std::move(ramp(4)).reshaped({1, 1, 2, 2});
  (void)nn::conv(x, w, {.run = {.allocator = standard}});
  EXPECT_EQ(plan_cache_use().plans, 0U);
  (void)nn::conv(x, w);
  EXPECT_EQ(plan_cache_use().plans, 1U);
}

TEST_F(PlanCacheTest, RefusedProblemsAreNotKept) {
  const Tensor integers = Tensor::zeros(DType::i32, {8});
  EXPECT_THROW((void)signal::convolve(integers, integers, {.run = {.engine = "cpu.gemm"}}),
               NoEngine);
  EXPECT_EQ(plan_cache_use().plans, 0U);
}

TEST_F(PlanCacheTest, WhatWasUsedLongestAgoGoesFirst) {
  set_plan_cache_limits({.plans = 2});
  const auto call = [&](std::int64_t length) {
    const Count count;
    (void)signal::convolve(ramp(length), k);
    return count.found() == 1;
  };
  EXPECT_FALSE(call(8));
  EXPECT_FALSE(call(9));
  EXPECT_TRUE(call(8));
  EXPECT_FALSE(call(10));  // in place of 9
  EXPECT_EQ(plan_cache_use().plans, 2U);
  EXPECT_TRUE(call(8));
  EXPECT_FALSE(call(9));
  set_plan_cache_limits({.plans = 1});
  EXPECT_EQ(plan_cache_use().plans, 1U);
  EXPECT_TRUE(call(9));
}

TEST_F(PlanCacheTest, BytesAreLimitedToo) {
  (void)signal::convolve(ramp(8), k);
  const std::size_t one = plan_cache_use().bytes;
  set_plan_cache_limits({.bytes = 3 * one});
  for (std::int64_t length = 8; length < 16; ++length) {
    (void)signal::convolve(ramp(length), k);
    EXPECT_LE(plan_cache_use().bytes, 3 * one);
  }
  EXPECT_GE(plan_cache_use().plans, 2U);
  const Count count;  // one that is too large drives no other out
  (void)signal::convolve(ramp(100000), k);
  (void)signal::convolve(ramp(15), k);
  EXPECT_EQ(count.found(), 1U);
  set_plan_cache_limits({.bytes = 0});
  EXPECT_EQ(plan_cache_use().plans, 0U);
  EXPECT_EQ(plan_cache_use().bytes, 0U);
  (void)signal::convolve(ramp(8), k);
  EXPECT_EQ(plan_cache_use().plans, 0U);
}

TEST_F(PlanCacheTest, ClearingForgetsAll) {
  (void)signal::convolve(ramp(8), k);
  clear_plan_cache();
  EXPECT_EQ(plan_cache_use().plans, 0U);
  EXPECT_EQ(plan_cache_use().bytes, 0U);
  const Count count;
  (void)signal::convolve(ramp(8), k);
  EXPECT_EQ(count.missed(), 1U);
}

// More problems than are kept, from several threads, while another one clears.
TEST_F(PlanCacheTest, ServesManyThreads) {
  set_plan_cache_limits({.plans = 3});
  constexpr std::int64_t lengths = 6;
  std::vector<Tensor> expected;
  for (std::int64_t i = 0; i < lengths; ++i) expected.push_back(signal::convolve(ramp(8 + i), k));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t i = 0; i < 300; ++i) {
        const std::int64_t which = (i * (t + 1)) % lengths;
        const Tensor y = signal::convolve(ramp(8 + which), k);
        if (!equal(y, expected[static_cast<std::size_t>(which)])) ++wrong;
        if (t == 0 && i % 50 == 0) clear_plan_cache();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(plan_cache_use().plans, 3U);
}

#if !defined(__SANITIZE_THREAD__)
// A child finds the cache unlocked, whatever the other threads were doing.
TEST_F(PlanCacheTest, AChildOfForkMayCall) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) (void)plan_cache_use();
  });
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(10);
      _exit(plan_cache_use().plans <= 128 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  stop = true;
  busy.join();
}
#endif

}  // namespace
}  // namespace faltung
