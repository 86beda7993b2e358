#include "cpp/cpu/parallel.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <vector>

#include <faltung/error.hpp>

namespace faltung {
namespace {

class Parallel : public ::testing::Test {
 protected:
  void TearDown() override { set_threads(0); }
};

TEST_F(Parallel, CallsEveryBlockOnce) {
  for (const int slots : {1, 2, 4}) {
    std::vector<std::atomic<int>> calls(1000);
    parallel_for(1000, slots, [&](std::int64_t block, int) { ++calls[block]; });
    for (const auto& count : calls) EXPECT_EQ(count, 1) << slots << " slots";
  }
}

// Workspace belongs to a slot, so no two calls at a time may have the same.
TEST_F(Parallel, NeverGivesASlotTwiceAtATime) {
  constexpr int slots = 4;
  std::atomic<int> users[slots] = {};
  std::atomic<int> clashes{0};
  parallel_for(10000, slots, [&](std::int64_t, int slot) {
    ASSERT_LT(slot, slots);
    if (++users[slot] != 1) ++clashes;
    --users[slot];
  });
  EXPECT_EQ(clashes, 0);
}

TEST_F(Parallel, OneSlotRunsInOrder) {
  std::vector<std::int64_t> order;
  parallel_for(5, 1, [&](std::int64_t block, int) { order.push_back(block); });
  EXPECT_EQ(order, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
}

TEST_F(Parallel, PassesExceptionsOn) {
  const auto failing = [](std::int64_t block, int) {
    if (block == 3) throw std::runtime_error("block 3");
  };
  EXPECT_THROW(parallel_for(8, 1, failing), std::runtime_error);
  EXPECT_THROW(parallel_for(8, 4, failing), std::runtime_error);
}

TEST_F(Parallel, SmallWorkStaysOnOneThread) {
  set_threads(4);
  EXPECT_EQ(plan_threads(100, min_microseconds_per_thread()), 1);
  EXPECT_EQ(plan_threads(100, 2 * min_microseconds_per_thread()), 2);
  EXPECT_EQ(plan_threads(100, 1e9), 4);
  EXPECT_EQ(plan_threads(3, 1e9), 3);
  EXPECT_EQ(plan_threads(0, 1e9), 1);
}

TEST_F(Parallel, RefusesSenselessCounts) {
  EXPECT_THROW(set_threads(-1), InvalidProblem);
  EXPECT_THROW(set_threads(1025), InvalidProblem);
  set_threads(3);
  EXPECT_EQ(threads(), 3);
  set_threads(0);
  EXPECT_GE(threads(), 1);
}

// The variable is read once, so a process of its own must meet the bad one.
TEST(ParallelDeathTest, RefusesASenselessEnvironment) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  for (const char* value : {"0", "two", "2x", "1025"}) {
    EXPECT_EXIT(
        {
          setenv("FALTUNG_THREADS", value, 1);
          try {
            (void)threads();
            std::exit(1);
          } catch (const InvalidProblem&) {
            std::exit(0);
          }
        },
        ::testing::ExitedWithCode(0), "")
        << value;
  }
}

}  // namespace
}  // namespace faltung
