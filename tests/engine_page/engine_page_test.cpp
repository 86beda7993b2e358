#include <gtest/gtest.h>

#include <algorithm>

#include <faltung/plan.hpp>
#include "tests/support/problem_file.hpp"

// The engine of docs/add-an-engine.md, in a list of engines that the page's line was added to. This
// program also holds the cases of engine_agreement_test, which meet it as they meet every other.
namespace faltung {
namespace {

TEST(EnginePage, TheEngineIsKnownAfterItsLineInTheList) {
  const auto names = engine_names();
  EXPECT_EQ(std::ranges::count(names, "cpu.rows"), 1);
}

TEST(EnginePage, ThePlannerAsksIt) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 n=1 c=2 in=8x9 k=2 f=3x3 pad=1");
  const Plan plan = Plan::make(problem, Device::cpu(), {.engine = "cpu.rows"});
  EXPECT_EQ(plan.engine(), "cpu.rows");
  EXPECT_EQ(plan.way(), "taps");
  EXPECT_EQ(plan.error_bound().kind, ErrorBound::Kind::elementwise);
}

TEST(EnginePage, ItsRefusalIsWhatTheUserReads) {
  const Problem gradient = Problem::parse("op=wgrad dtype=f32 n=1 c=2 in=8x9 k=2 f=3x3 pad=1");
  for (const Candidate& candidate : candidates(gradient)) {
    if (candidate.engine != "cpu.rows") continue;
    EXPECT_FALSE(candidate.supported);
    EXPECT_EQ(candidate.reason, "computes y, not the gradients");
  }
}

}  // namespace
}  // namespace faltung
