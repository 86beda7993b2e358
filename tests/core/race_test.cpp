#include "cpp/core/measure/race.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "cpp/core/measure/worker.hpp"

namespace faltung::measuring {
namespace {

const Problem problem = Problem::parse("op=fwd dtype=f32 n=2 c=3 in=20 k=4 f=5 pad=2");

using Spoil = std::function<void(const RunMemory&)>;

// The definition, and then what `spoil` does.
Contender contender(std::string way, const Problem& p = problem, Spoil spoil = {}) {
  const auto plan =
      std::make_shared<const Plan>(Plan::make(p, Device::cpu(), {.engine = "cpu.reference"}));
  return {std::move(way), 1, plan->error_bound(), 0, [plan, spoil](const RunMemory& m) {
            plan->run(m.stream, m.first, m.second, m.result, {}, m.bias);
            if (spoil) spoil(m);
          }};
}

WayMeasurement found(const Contender& one, const Problem& p = problem, MeasureOptions how = {}) {
  const Measurement all = race(p, Device::cpu(), {one}, how);
  return all.ways.at(0);
}

TEST(Race, MeasuresWhatIsRight) {
  const WayMeasurement way = found(contender("a.b/c"));
  EXPECT_EQ(way.outcome, MeasureOutcome::measured) << way.reason;
  EXPECT_EQ(way.way, "a.b/c");
  EXPECT_GT(way.us, 0);
}

TEST(Race, TheProcessorsClockStandsStillWhileNothingIsComputed) {
  const auto sleep = [](const RunMemory&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  const Contender sleeper = contender("a.b/c", problem, sleep);
  EXPECT_GE(found(sleeper).us, 20e3);
  const WayMeasurement way = found(sleeper, problem, {.processor_time = true});
  EXPECT_GT(way.us, 0);
  EXPECT_LT(way.us, 10e3);
}

TEST(Race, RefusesAResultThatIsWrongAnywhere) {
  for (const std::int64_t at : {0, 1, 77, 159}) {
    const auto spoil = [at](const RunMemory& m) {
      static_cast<float*>(m.result.data)[at] += 0.01f;
    };
    const WayMeasurement way = found(contender("a.b/c", problem, spoil));
    EXPECT_EQ(way.outcome, MeasureOutcome::wrong) << at;
    EXPECT_NE(way.reason.find("where the definition gives"), std::string::npos) << way.reason;
    EXPECT_EQ(way.us, 0);
  }
}

TEST(Race, RefusesAResultThatIsNotWritten) {
  Contender idle = contender("a.b/c");
  idle.run = [](const RunMemory&) {};
  EXPECT_EQ(found(idle).outcome, MeasureOutcome::wrong);
}

// Of a large result parts alone are compared with the definition.
TEST(Race, SeesWhatIsNotWrittenAnywhere) {
  for (const char* line : {"op=fwd dtype=f32 in=4000000 f=3",
                           "op=fwd dtype=f64 in=4000000 f=3 ystrides=8000000,8000000,2"}) {
    const Problem p = Problem::parse(line);
    const auto plan =
        std::make_shared<const Plan>(Plan::make(p, Device::cpu(), {.engine = "cpu.direct"}));
    int seen = 0;
    for (const std::int64_t at : {1'300'003, 2'700'001}) {
      Contender one{"a.b/c", 1, plan->error_bound(), 0, [plan, at](const RunMemory& m) {
                      plan->run(m.stream, m.first, m.second, m.result, {}, m.bias);
                      const std::size_t size = size_of(m.result.dtype);
                      auto* element =
                          static_cast<std::byte*>(m.result.data) +
                          at * m.result.strides.back() * static_cast<std::int64_t>(size);
                      std::memset(element, 0xff, size);  // as it was
                    }};
      const WayMeasurement way = found(one, p);
      EXPECT_EQ(way.outcome, MeasureOutcome::wrong) << line << ' ' << at;
      seen += way.reason.find("1 of 3999998 results are NaN") != std::string::npos ? 1 : 0;
    }
    EXPECT_GE(seen, 1) << "all lay in what is compared";
  }
}

TEST(Race, SeesWritesOutsideTheResult) {
  for (const std::int64_t at : {-1, -1000, 160, 1100}) {
    const auto spoil = [at](const RunMemory& m) { static_cast<float*>(m.result.data)[at] = 1; };
    const WayMeasurement way = found(contender("a.b/c", problem, spoil));
    EXPECT_EQ(way.outcome, MeasureOutcome::wrong) << at;
    EXPECT_NE(way.reason.find("outside its result"), std::string::npos) << way.reason;
  }
}

TEST(Race, SeesWritesOutsideTheWorkspace) {
  for (const std::int64_t at : {-1, 100, 4195}) {
    Contender one = contender("a.b/c", problem, [at](const RunMemory& m) {
      ASSERT_EQ(m.workspace.bytes, 100u);
      static_cast<unsigned char*>(m.workspace.data)[at] = 1;
    });
    one.workspace_bytes = 100;
    const WayMeasurement way = found(one);
    EXPECT_EQ(way.outcome, MeasureOutcome::wrong) << at;
    EXPECT_NE(way.reason.find("outside its workspace"), std::string::npos) << way.reason;
  }
}

TEST(Race, SeesWritesBetweenTheElements) {
  for (const char* beta : {"", " beta=0.5"}) {
    const Problem p =
        Problem::parse("op=fwd dtype=f32 in=20 f=5 pad=2 ystrides=60,60,-2" + std::string(beta));
    EXPECT_EQ(found(contender("a.b/c", p), p).outcome, MeasureOutcome::measured) << beta;
    const auto spoil = [](const RunMemory& m) { static_cast<float*>(m.result.data)[-1] = 1; };
    const WayMeasurement way = found(contender("a.b/c", p, spoil), p);
    EXPECT_EQ(way.outcome, MeasureOutcome::wrong) << beta;
    EXPECT_NE(way.reason.find("between"), std::string::npos) << way.reason;
  }
}

TEST(Race, SurvivesOneThatThrows) {
  const auto spoil = [](const RunMemory&) { throw std::runtime_error("out of luck"); };
  const Measurement all =
      race(problem, Device::cpu(), {contender("a.b/c", problem, spoil), contender("a.b/d")}, {});
  EXPECT_EQ(all.ways[0].outcome, MeasureOutcome::failed);
  EXPECT_EQ(all.ways[0].reason, "out of luck");
  EXPECT_EQ(all.ways[1].outcome, MeasureOutcome::measured);
}

TEST(Race, GivesUpOneThatDoesNotEnd) {
  const auto released = std::make_shared<std::atomic<bool>>(false);
  const auto hang = [released](const RunMemory&) {
    while (!*released) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  const auto start = std::chrono::steady_clock::now();
  const Measurement all =
      race(problem, Device::cpu(),
           {contender("a.b/first"), contender("a.b/hangs", problem, hang), contender("a.b/last")},
           {.run_seconds = 0.5});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 60);
  EXPECT_TRUE(all.still_runs);
  EXPECT_EQ(all.ways[0].outcome, MeasureOutcome::measured);
  EXPECT_EQ(all.ways[1].outcome, MeasureOutcome::overdue);
  EXPECT_EQ(all.ways[2].outcome, MeasureOutcome::not_run);
  *released = true;
  while (released.use_count() > 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(Race, CutsWhatIsFarSlower) {
  const auto waits = [](const RunMemory&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  const Measurement all =
      race(problem, Device::cpu(), {contender("a.b/fast"), contender("a.b/slow", problem, waits)},
           {.cut = 2});
  EXPECT_EQ(all.ways[0].outcome, MeasureOutcome::measured);
  EXPECT_EQ(all.ways[1].outcome, MeasureOutcome::cut) << all.ways[0].us;
  EXPECT_GE(all.ways[1].us, 20'000);
}

TEST(Race, DoesNotTryWhatIsEstimatedHopeless) {
  Contender hopeless = contender("a.b/c", problem, [](const RunMemory&) { FAIL() << "was run"; });
  hopeless.estimate_us = 1e12;
  const Measurement all = race(problem, Device::cpu(), {contender("a.b/fast"), hopeless}, {});
  EXPECT_EQ(all.ways[1].outcome, MeasureOutcome::cut);
}

TEST(Race, EndsWhenItsTimeIsUsedUp) {
  const Measurement all =
      race(problem, Device::cpu(), {contender("a.b/c"), contender("a.b/d")}, {.max_seconds = 0});
  for (const WayMeasurement& way : all.ways) {
    EXPECT_EQ(way.outcome, MeasureOutcome::not_run);
    EXPECT_NE(way.reason.find("time"), std::string::npos);
  }
}

TEST(Worker, CallsOneAfterTheOtherOnOneThread) {
  Worker worker;
  std::thread::id first, second;
  EXPECT_TRUE(worker.call([&] { first = std::this_thread::get_id(); }, std::chrono::seconds(60)));
  EXPECT_TRUE(worker.call([&] { second = std::this_thread::get_id(); }, std::chrono::seconds(60)));
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_TRUE(worker.is_free());
}

}  // namespace
}  // namespace faltung::measuring
