#include <faltung/measure.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include <faltung/error.hpp>
#include <faltung/threads.hpp>
#include <faltung/wisdom.hpp>

namespace faltung {
namespace {

const Problem filter = Problem::parse("op=fwd dtype=f32 in=3000 f=41 pad=20 flip=1");

class Measure : public testing::Test {
 protected:
  void SetUp() override { forget_wisdom(); }
  void TearDown() override { forget_wisdom(); }
};

std::string name_of(const Plan& plan) { return plan.engine() + '/' + plan.way(); }

std::string text_of(const Measurement& found) {
  std::string text;
  for (const WayMeasurement& way : found.ways) {
    text += way.way + ' ' + std::string(name(way.outcome)) + ' ' + way.reason + '\n';
  }
  return text;
}

// Ways of this build are right, so whatever is run is found to be.
TEST_F(Measure, FindsNothingWrongWhateverTheProblem) {
  const char* const problems[] = {
      "op=fwd dtype=f32 n=2 c=6 in=30x20 k=4 f=3x3 pad=1 g=2 stride=2 bias=1 act=silu alpha=0.5",
      "op=fwd dtype=f64 in=50x40 f=5x5 pad=2 boundary=reflect flip=1 beta=0.5",
      "op=fwd dtype=f16 in=300 f=9 pad=4 boundary=constant(0.5)",
      "op=fwd dtype=c64 in=500 f=33 pad=16 flip=1",
      "op=fwd dtype=u8 in=64x64 f=3x3 pad=1 boundary=nearest",
      "op=fwd dtype=u8:f32:u8 in=64x64 f=3x3 pad=1 overflow=saturate round=nearest_even",
      "op=fwd dtype=i16:i16:i64 in=700 f=200 pad=199",
      "op=fwd dtype=f32 in=60x60 f=7x7 pad=3 sep=1",
      "op=fwd dtype=f32 in=300 f=5 xstrides=600,600,-2 ystrides=900,900,3",
      "op=dgrad dtype=f32 n=2 c=4 in=20x20 k=3 f=3x3 pad=1 stride=2",
      "op=dgrad dtype=f32 in=200 f=31 pad=15 boundary=wrap",
      "op=wgrad dtype=f32 n=2 c=4 in=20x20 k=3 f=3x3 pad=1",
      "op=fwd dtype=bf16 n=1 c=8 in=12x12x12 k=8 f=3x3x3 pad=1"};
  for (const char* line : problems) {
    const Measurement found = measure(Problem::parse(line));
    EXPECT_NE(found.best(), nullptr) << line << '\n' << text_of(found);
    for (const WayMeasurement& way : found.ways) {
      EXPECT_NE(way.outcome, MeasureOutcome::wrong) << line << '\n' << way.way << ' ' << way.reason;
      EXPECT_NE(way.outcome, MeasureOutcome::failed) << line << '\n'
                                                     << way.way << ' ' << way.reason;
    }
  }
}

TEST_F(Measure, PlansTakeTheFastest) {
  const Measurement found = measure(filter);
  ASSERT_NE(found.best(), nullptr) << text_of(found);
  EXPECT_EQ(name_of(Plan::make(filter)), found.best()->way);
  const auto known = wisdom_of(filter);
  ASSERT_FALSE(known.empty());
  EXPECT_EQ(known[0].way, found.best()->way);
  EXPECT_EQ(known[0].us, found.best()->us);
}

TEST_F(Measure, RemembersOnlyIfAsked) {
  const Measurement found = measure(filter, Device::cpu(), {}, {.remember = false});
  EXPECT_NE(found.best(), nullptr);
  EXPECT_TRUE(wisdom_of(filter).empty());
  EXPECT_EQ(export_wisdom(), "");
}

TEST_F(Measure, EveryWayIsNamedOnceWithAReason) {
  const Measurement found = measure(filter);
  std::set<std::string> names;
  for (const WayMeasurement& way : found.ways) {
    EXPECT_TRUE(names.insert(way.way).second) << way.way;
    EXPECT_EQ(way.reason.empty(), way.outcome == MeasureOutcome::measured) << way.way;
  }
  EXPECT_EQ(names.size(), way_candidates(filter).size());
}

TEST_F(Measure, KeepsOneOfAnotherEngine) {
  std::set<std::string> run;
  const Measurement found = measure(filter, Device::cpu(), {}, {.ways = 2});
  for (const WayMeasurement& way : found.ways) {
    const bool was_run = way.outcome < MeasureOutcome::refused;
    if (was_run) run.insert(way.way.substr(0, way.way.find('/')));
  }
  EXPECT_EQ(run.size(), 2u) << text_of(found);
}

// Which ways are fastest for the bits of one order says nothing of the others.
TEST_F(Measure, RemembersTheProblemAsItWasAsked) {
  Problem asked = filter;
  asked.math = Math::reproducible;
  const PlanOptions options{.reproducible = true};
  const Measurement found = measure(filter, Device::cpu(), options, {.ways = 64});
  ASSERT_NE(found.best(), nullptr) << text_of(found);
  EXPECT_TRUE(wisdom_of(filter).empty());
  EXPECT_FALSE(wisdom_of(asked).empty());
  const Plan plan = Plan::make(filter, Device::cpu(), options);
  EXPECT_EQ(plan.engine() + '/' + plan.way(), found.best()->way);
  EXPECT_TRUE(plan.facts().reproducible);
}

TEST_F(Measure, OptionsComeFirst) {
  const Measurement exact =
      measure(filter, Device::cpu(), {.accuracy = Accuracy::elementwise}, {.ways = 64});
  for (const WayMeasurement& way : exact.ways) {
    if (way.outcome == MeasureOutcome::refused) continue;
    const Plan plan = Plan::make(filter, Device::cpu(), {.engine = way.way});
    EXPECT_NE(plan.error_bound().kind, ErrorBound::Kind::normwise) << way.way;
  }
  const Measurement small = measure(filter, Device::cpu(), {.workspace_limit = 0}, {.ways = 64});
  for (const WayMeasurement& way : small.ways) {
    if (way.outcome != MeasureOutcome::measured) continue;
    EXPECT_EQ(Plan::make(filter, Device::cpu(), {.engine = way.way, .workspace_limit = 0})
                  .workspace_bytes(),
              0u);
  }
  const Measurement one = measure(filter, Device::cpu(), {.engine = "cpu.fft"});
  for (const WayMeasurement& way : one.ways) EXPECT_TRUE(way.way.starts_with("cpu.fft/"));
}

TEST_F(Measure, MemoryAndTimeAreLimits) {
  const Measurement small = measure(filter, Device::cpu(), {}, {.memory_limit = 100});
  EXPECT_EQ(small.best(), nullptr);
  EXPECT_NE(text_of(small).find("bytes with its operands, the limit is 100"), std::string::npos);
  const Measurement quick = measure(filter, Device::cpu(), {}, {.max_seconds = 0});
  EXPECT_EQ(quick.best(), nullptr);
  EXPECT_TRUE(wisdom_of(filter).empty());
  EXPECT_NO_THROW((void)Plan::make(filter));
}

// Nothing of such a result can be computed alone, and all of it is too much for the reference.
TEST_F(Measure, WhatCannotBeCheckedIsNotRun) {
  const Problem large =
      Problem::parse("op=dgrad dtype=f32 c=4 in=400x400 k=4 f=5x5 pad=2 boundary=wrap");
  const Measurement found = measure(large);
  EXPECT_EQ(found.best(), nullptr);
  EXPECT_NE(text_of(found).find("none could be checked"), std::string::npos) << text_of(found);
}

TEST_F(Measure, EmptyTensorsHaveNothingToMeasure) {
  const Problem empty = Problem::parse("op=fwd dtype=f32 n=0 in=9 f=3");
  EXPECT_EQ(measure(empty).best(), nullptr);
  EXPECT_NO_THROW((void)plan_measured(empty));
}

TEST_F(Measure, PlanMeasuredMeasuresOnce) {
  const Plan first = plan_measured(filter);
  const auto known = wisdom_of(filter);
  ASSERT_FALSE(known.empty());
  const Plan second = plan_measured(filter);
  EXPECT_EQ(wisdom_of(filter), known);
  EXPECT_EQ(name_of(first), name_of(second));
}

TEST_F(Measure, RefusesOptionsThatMeanNothing) {
  const auto refusal = [](const MeasureOptions& how) -> std::string {
    try {
      (void)measure(filter, Device::cpu(), {}, how);
    } catch (const InvalidProblem& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_NE(refusal({.ways = 0}).find("MeasureOptions::ways is 0"), std::string::npos);
  EXPECT_NE(refusal({.max_seconds = -1}).find("max_seconds"), std::string::npos);
  EXPECT_NE(refusal({.run_seconds = -1}).find("run_seconds"), std::string::npos);
  EXPECT_NE(refusal({.cut = 0.5}).find("cut"), std::string::npos);
  set_threads(2);
  EXPECT_NE(refusal({.processor_time = true}).find("up to 2 threads"), std::string::npos);
  set_threads(0);
  EXPECT_NE(refusal({.stream = {Device::cuda(0)}}).find("stream is on cuda:0"), std::string::npos);
}

}  // namespace
}  // namespace faltung
