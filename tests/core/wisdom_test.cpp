#include "cpp/core/wisdom.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <faltung/plan_cache.hpp>
#include <faltung/signal.hpp>
#include <faltung/threads.hpp>
#include <faltung/wisdom.hpp>
#include "cpp/core/planner.hpp"

namespace faltung {
namespace {

// Several engines and ways serve it, and one of FFT errs by the norm.
const Problem problem = Problem::parse("op=fwd dtype=f32 in=3000 f=41 pad=20 flip=1");

std::string line_for(const Problem& p, const MeasuredWays& ways) {
  return wisdom_line({wisdom_machine(), to_string(p)}, ways) + '\n';
}

// Each begins with nothing known, and leaves nothing.
class Wisdom : public testing::Test {
 protected:
  void SetUp() override { forget_wisdom(); }
  void TearDown() override { forget_wisdom(); }
};

std::string chosen(const PlanOptions& options = {}) {
  const Plan plan = Plan::make(problem, Device::cpu(), options);
  return plan.engine() + '/' + plan.way();
}

TEST_F(Wisdom, LinesAreReadBack) {
  const WisdomKey key{"faltung 0.1.0, cpu X", "op=fwd dtype=f32 in=9 f=3"};
  const MeasuredWays ways{{"cpu.direct/rows", 0.1}, {"cpu.fft/whole", 1e300}};
  const auto parsed = parse_wisdom_line(wisdom_line(key, ways));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->first, key);
  EXPECT_EQ(parsed->second, ways);
}

TEST_F(Wisdom, EveryChangedByteAndEveryCutIsSeen) {
  const std::string line =
      wisdom_line({"machine", "op=fwd in=9"}, {{"cpu.direct/rows", 2.5}, {"cpu.fft/whole", 7}});
  for (std::size_t i = 0; i < line.size(); ++i) {
    EXPECT_FALSE(parse_wisdom_line(line.substr(0, i))) << i;
    for (const int flip : {1, 4, 32, 64}) {
      std::string changed = line;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      EXPECT_FALSE(parse_wisdom_line(changed)) << i << ' ' << changed;
    }
  }
  EXPECT_FALSE(parse_wisdom_line(line + ' '));
}

TEST_F(Wisdom, WhatIsNoWisdomIsSkippedAndCounted) {
  const std::string good = line_for(problem, {{"cpu.direct/rows", 1}});
  const std::string elsewhere = wisdom_line({"faltung 9, cuda Z", "op=fwd"}, {{"a.b/c", 1}}) + '\n';
  const std::string text = "# a remark\n\n" + good + "nonsense\n" + elsewhere +
                           good.substr(0, good.size() / 2) + '\n' + std::string(100'000, 'x') +
                           "\nfaltung-wisdom 2 0\t\n" + std::string("\0\n", 2) + good;
  const WisdomLines lines = import_wisdom(text);
  EXPECT_EQ(lines.taken, 3u);
  EXPECT_EQ(lines.foreign, 1u);
  EXPECT_EQ(lines.skipped, 5u);
  EXPECT_EQ(wisdom_of(problem), (MeasuredWays{{"cpu.direct/rows", 1}}));
}

TEST_F(Wisdom, SignsAndTimesThatAreNoneAreRefused) {
  const auto is_taken = [](const std::string& way, double us) {
    return parse_wisdom_line(wisdom_line({"m", "p"}, {{way, us}})).has_value();
  };
  EXPECT_TRUE(is_taken("cpu.direct/rows", 1));
  EXPECT_FALSE(is_taken("cpu.direct/rows", 0));
  EXPECT_FALSE(is_taken("cpu.direct/rows", -1));
  EXPECT_FALSE(is_taken("cpu.direct/rows", HUGE_VAL));
  EXPECT_FALSE(is_taken("cpu.direct", 1));
  EXPECT_FALSE(is_taken("../etc/x", 1));
}

TEST_F(Wisdom, TheOrderOfTextsDoesNotMatter) {
  const std::string a = line_for(problem, {{"cpu.direct/rows", 3}, {"cpu.fft/whole", 5}});
  const std::string b = line_for(problem, {{"cpu.fft/whole", 2}, {"cpu.gemm/panels", 9}});
  import_wisdom(a);
  import_wisdom(b);
  const std::string first = export_wisdom();
  forget_wisdom();
  import_wisdom(b);
  import_wisdom(a);
  import_wisdom(b);
  EXPECT_EQ(export_wisdom(), first);
  EXPECT_EQ(wisdom_of(problem),
            (MeasuredWays{{"cpu.fft/whole", 2}, {"cpu.direct/rows", 3}, {"cpu.gemm/panels", 9}}));
}

// Of the ways that serve the problem, whichever is said to be the fastest is taken.
TEST_F(Wisdom, PlansTakeTheFastestMeasuredWay) {
  const std::string estimated = chosen();
  int others = 0;
  for (const std::string& way : engine_ways()) {
    forget_wisdom();
    import_wisdom(line_for(problem, {{way, 1e-3}}));
    try {
      (void)Plan::make(problem, Device::cpu(), {.engine = way});
    } catch (const NoEngine&) {
      EXPECT_EQ(chosen(), estimated) << way;  // what refuses is passed over
      continue;
    }
    others += way != estimated;
    EXPECT_EQ(chosen(), way);
  }
  EXPECT_GE(others, 2);
}

TEST_F(Wisdom, OptionsComeFirst) {
  const Plan fft = Plan::make(problem, Device::cpu(), {.engine = "cpu.fft"});
  ASSERT_EQ(fft.error_bound().kind, ErrorBound::Kind::normwise);
  const std::string way = fft.engine() + '/' + fft.way();
  import_wisdom(line_for(problem, {{way, 1}}));
  EXPECT_EQ(chosen(), way);
  EXPECT_NE(chosen({.accuracy = Accuracy::elementwise}), way);
  EXPECT_NE(chosen({.workspace_limit = 0}), way);
  EXPECT_EQ(chosen({.engine = "cpu.direct/rows"}), "cpu.direct/rows");
  EXPECT_EQ(chosen({.engine = "fft"}), way);
}

TEST_F(Wisdom, OfOtherProblemsMachinesAndThreadsIsNotUsed) {
  const std::string estimated = chosen();
  const std::string other =
      estimated == "cpu.direct/rows" ? "cpu.reference/definition" : "cpu.direct/rows";
  Problem longer = problem;
  longer.axes[0].input += 1;
  import_wisdom(line_for(longer, {{other, 1}}));
  import_wisdom(wisdom_line({wisdom_machine() + "x", to_string(problem)}, {{other, 1}}));
  const int count = threads();
  set_threads(count + 1);
  import_wisdom(line_for(problem, {{other, 1}}));
  set_threads(count);
  EXPECT_EQ(chosen(), estimated);
  set_threads(count + 1);
  EXPECT_EQ(chosen(), other);
  set_threads(count);
}

TEST_F(Wisdom, NamesThatAreNoWayAreHarmless) {
  const std::string estimated = chosen();
  import_wisdom(
      line_for(problem, {{"cpu.nothing/x", 1}, {"cpu.direct/nothing", 2}, {"direct/rows", 3}}));
  EXPECT_EQ(chosen(), estimated);
}

TEST_F(Wisdom, ResultsMeanTheSame) {
  Tensor x(f32, {1, 1, 3000}), w(f32, {1, 1, 41});
  int next = 0;
  for (const auto values : {x.values<float>(), w.values<float>()}) {
    for (float& value : values) value = static_cast<float>(next++ % 5 - 2);
  }
  const auto result = [&] {
    Tensor y(f32, {1, 1, 3000});
    Plan::make(problem).run(x, w, y);
    return y;
  };
  const Tensor expected = result();
  import_wisdom(line_for(problem, {{"cpu.reference/definition", 1}, {"cpu.direct/rows", 2}}));
  const Tensor actual = result();
  EXPECT_TRUE(std::ranges::equal(actual.values<float>(), expected.values<float>()));
}

// A measured way may promise more than the estimated one, and not less.
TEST_F(Wisdom, PromisesAreNotTradedForSpeed) {
  const PlanFacts all{};
  EXPECT_EQ(lesser_promise(all, all), "");
  const auto with = [](auto member, bool value) {
    PlanFacts facts;
    facts.*member = value;
    return facts;
  };
  const PlanFacts lesser[] = {with(&PlanFacts::bitwise_reproducible, false),
                              with(&PlanFacts::spreads_non_finite, true),
                              with(&PlanFacts::flushes_subnormals, true)};
  for (const PlanFacts& facts : lesser) {
    EXPECT_NE(lesser_promise(facts, all), "");
    EXPECT_EQ(lesser_promise(all, facts), "");
    EXPECT_EQ(lesser_promise(facts, facts), "");
  }
}

TEST_F(Wisdom, ExplainShowsWhatWasMeasured) {
  const Plan before = Plan::make(problem);
  EXPECT_EQ(before.explain().find("measured"), std::string::npos);
  import_wisdom(line_for(problem, {{before.engine() + '/' + before.way(), 12.5}}));
  const std::string text = Plan::make(problem).explain();
  EXPECT_NE(text.find(before.way() + ", the fastest measured\n"), std::string::npos) << text;
  EXPECT_NE(text.find("us, measured 12.5 us\n"), std::string::npos) << text;
}

// A kept plan is made anew when what is known changes, and only then.
TEST_F(Wisdom, KeptPlansFollowIt) {
  const Tensor x = Tensor::from<float>({1, 2, 3, 4, 5}), k = Tensor::from<float>({1, 2});
  clear_plan_cache();
  const auto missed = [&] {
    const auto before = plan_cache_use().missed;
    (void)signal::convolve(x, k);
    return plan_cache_use().missed - before;
  };
  EXPECT_EQ(missed(), 1u);
  EXPECT_EQ(missed(), 0u);
  import_wisdom(line_for(problem, {{"cpu.direct/rows", 1}}));
  EXPECT_EQ(missed(), 1u);
  EXPECT_EQ(missed(), 0u);
  clear_plan_cache();
}

}  // namespace
}  // namespace faltung
