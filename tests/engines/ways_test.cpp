// An engine's table of ways is what it quotes, what it runs, and what its page says.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <faltung/error.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/message.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"

namespace faltung::test {
namespace {

std::vector<Problem> problems_in(const std::string& folder) {
  std::vector<Problem> problems;
  for (const auto& file : std::filesystem::directory_iterator(source_path(folder))) {
    const std::string name = file.path().filename();
    if (name == "bad.txt" || !name.ends_with(".txt")) continue;
    for (const std::string& line : problem_lines(folder + '/' + name)) {
      if (line.starts_with("call=")) continue;  // of a front end
      Problem p = Problem::parse(line);
      if (element_count(p.x_shape()) != 0 && element_count(p.w_shape()) != 0 &&
          element_count(p.y_shape()) != 0) {
        problems.push_back(std::move(p));
      }
    }
  }
  return problems;
}

template <typename F>
void for_each_engine(F&& f) {
  for (const TestDevice* device : test_devices()) {
    for (const Engine* engine : device->engines()) f(*device, *engine);
  }
}

TEST(Ways, WhatIsQuotedIsWhatRuns) {
  std::vector<Problem> problems = problems_in("tests/problems");
  std::ranges::copy(problems_in("bench/problems"), std::back_inserter(problems));
  ASSERT_GT(problems.size(), 500u);
  for_each_engine([&](const TestDevice& device, const Engine& engine) {
    const Device target = device.stream().device;
    for (const Problem& p : problems) {
      const Offer offer = engine.offer(p, target);
      if (!offer) continue;
      SCOPED_TRACE(message(engine.name(), '/', offer.way, " [", p, ']'));
      const Offer asked = engine.offer(p, target, offer.way);
      ASSERT_TRUE(asked) << asked.refusal;
      EXPECT_EQ(asked.way, offer.way);
      EXPECT_EQ(asked.estimate_us, offer.estimate_us);
      EXPECT_GT(offer.estimate_us, 0);
      EXPECT_EQ(asked.prepare()->policy(), offer.prepare()->policy());
    }
  });
}

// A way that times what it may run takes about a second: one of some problems.
bool is_asked(const WayText& way, const Problem& p) {
  return way.name != "measured" || std::hash<Problem>{}(p) % 16 == 0;
}

// Two ways that do the same would be one: where both serve, they say different things.
TEST(Ways, EachHasItsOwnPolicy) {
  const std::vector<Problem> problems = problems_in("tests/problems");
  for_each_engine([&](const TestDevice& device, const Engine& engine) {
    const Device target = device.stream().device;
    for (const Problem& p : problems) {
      std::set<std::string> policies;
      for (const WayText& way : engine.ways()) {
        const Offer offer = engine.offer(p, target, way.name);
        if (!offer || !is_asked(way, p)) continue;
        const std::string policy = offer.prepare()->policy();
        EXPECT_TRUE(policies.insert(policy).second)
            << engine.name() << '/' << way.name << " [" << p << "]: " << policy;
      }
    }
  });
}

// Whatever the engine would choose, each way that serves a problem gives its result.
TEST(Ways, AllAgreeWithTheReference) {
  std::map<std::string, int> runs;
  for_each_engine([&](const TestDevice&, const Engine& engine) {
    for (const WayText& way : engine.ways()) {
      const bool anywhere = way.takes.find("on AVX") == std::string_view::npos;
      if (anywhere) runs[message(engine.name(), '/', way.name)] = 0;
    }
  });
  for (const Problem& p : problems_in("tests/problems")) {
    if (p.multiply_adds() > 2e5) continue;
    const Operands operands = filled_operands(p, Fill::small_integers, test_seed());
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    for_each_engine([&](const TestDevice& device, const Engine& engine) {
      const Device target = device.stream().device;
      for (const WayText& way : engine.ways()) {
        const Offer offer = engine.offer(p, target, way.name);
        if (!offer || !is_asked(way, p)) continue;
        ++runs[message(engine.name(), '/', way.name)];
        const Array result = run_guarded(device, engine, p, operands, {.way = way.name});
        const auto task = offer.prepare();
        const ErrorBound bound = task->error_bound();
        // What sums few results itself does not hold the others exactly.
        const bool sums = bound.kind != ErrorBound::Kind::normwise && !task->facts().watches_range;
        const bool agrees = !sums ? error_ratio(p, operands, expected, result, bound) <= 1
                                  : static_cast<bool>(equal_elements(expected, result));
        EXPECT_TRUE(agrees) << engine.name() << '/' << way.name << " [" << p << ']';
      }
    });
  }
  for (const auto& [way, count] : runs) {
    RecordProperty(way, count);
    EXPECT_GT(count, 0) << way << " takes none of the problems";
  }
}

// Stated, and so it is: with other threads and other memory.
TEST(Facts, WhatIsReproducibleHasTheSameBits) {
  for (const Problem& p : problems_in("tests/problems")) {
    if (p.multiply_adds() > 2e5) continue;
    const Operands operands = filled_operands(p, Fill::reals, test_seed());
    for_each_engine([&](const TestDevice& device, const Engine& engine) {
      const Offer offer = engine.offer(p, device.stream().device);
      if (!offer || !offer.prepare()->facts().bitwise_reproducible) return;
      set_threads(1);
      const Array one = run_guarded(device, engine, p, operands);
      set_threads(3);
      const Array three = run_guarded(device, engine, p, operands, {.poison = std::byte{0x5a}});
      set_threads(0);
      EXPECT_TRUE(same_elements(one, three))
          << engine.name() << '/' << offer.way << " [" << p << ']';
    });
  }
}

TEST(Facts, AreThoseOfThePlan) {
  const Problem p = Problem::parse("op=filter dtype=f32 in=512x512 f=9x9");
  set_threads(2);
  const Plan direct = Plan::make(p, Device::cpu(), {.engine = "cpu.direct"});
  EXPECT_EQ(direct.facts().threads, 2);
  EXPECT_EQ(direct.facts().workspace_bytes, direct.workspace_bytes());
  EXPECT_FALSE(direct.facts().spreads_non_finite);
  EXPECT_FALSE(direct.facts().flushes_subnormals);
  const Plan fft = Plan::make(p, Device::cpu(), {.engine = "cpu.fft", .flush_subnormals = true});
  EXPECT_FALSE(fft.facts().spreads_non_finite);
  EXPECT_TRUE(fft.facts().flushes_subnormals);
  EXPECT_EQ(fft.explain().find("spreads NaN and infinity"), std::string::npos) << fft.explain();
  set_threads(1);
  EXPECT_EQ(Plan::make(p, Device::cpu(), {.engine = "cpu.direct"}).facts().threads, 1);
  set_threads(0);
}

TEST(Ways, ARefusalSaysWhatTheWayTakes) {
  const Problem p = Problem::parse("op=wgrad dtype=f32 n=1 c=1 in=9x9 k=1 f=3x3");
  try {
    (void)Plan::make(p, Device::cpu(), {.engine = "cpu.direct/panels"});
    FAIL() << "it serves no filter gradient";
  } catch (const NoEngine& error) {
    EXPECT_NE(std::string(error.what()).find("panels takes forward"), std::string::npos)
        << error.what();
  }
}

TEST(Ways, AnUnknownOneIsNamedWithThoseThatExist) {
  const Problem p = Problem::parse("op=filter dtype=f32 in=9x9 f=3x3");
  try {
    (void)Plan::make(p, Device::cpu(), {.engine = "cpu.direct/fast"});
    FAIL() << "there is no such way";
  } catch (const InvalidProblem& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("cpu.direct/fast"), std::string::npos) << text;
    EXPECT_NE(text.find("cpu.direct/stencil"), std::string::npos) << text;
    EXPECT_EQ(text.find("cpu.fft/"), std::string::npos) << text;
  }
}

TEST(Ways, APlanRunsTheOneAskedForAndSaysSo) {
  const Problem p = Problem::parse("op=filter dtype=f32 in=40x40 f=3x3");
  for (const char* wanted : {"cpu.direct/stencil", "cpu.direct/rows", "direct/rows"}) {
    const Plan plan = Plan::make(p, Device::cpu(), {.engine = wanted});
    EXPECT_EQ(plan.engine(), "cpu.direct");
    EXPECT_EQ(plan.way(), std::string(wanted).substr(std::string(wanted).find('/') + 1));
    EXPECT_EQ(plan.with_batch(2).way(), plan.way());
    EXPECT_NE(plan.explain().find("cpu.direct/" + plan.way()), std::string::npos);
  }
}

// The table of the engine's page: "| `in_place` | what it takes | ...".
TEST(Ways, ThePageOfTheEngineHasTheTable) {
  for (const Engine* engine : engine_list()) {
    std::string name(engine->name());
    std::ranges::replace(name, '.', '-');
    std::ifstream file(source_path("docs/engines/" + name + ".md"));
    ASSERT_TRUE(file) << name;
    std::vector<std::string> rows;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("| `")) rows.push_back(line);
    }
    const std::vector<WayText> ways = engine->ways();
    ASSERT_GE(rows.size(), ways.size()) << name;
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const std::string expected = message("| `", ways[i].name, "` | ", ways[i].takes, " |");
      EXPECT_TRUE(rows[i].starts_with(expected)) << name << ": " << rows[i] << "\nshould start\n"
                                                 << expected;
    }
  }
}

}  // namespace
}  // namespace faltung::test
