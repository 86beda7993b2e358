// The CPU engines on every instruction set this machine has, and with several numbers of threads.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <faltung/threads.hpp>
#include "cpp/cpu/direct/direct_engine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/simd/cpu_target.hpp"
#endif

namespace faltung::test {
namespace {

// Enough work that a plan wants four threads, and sizes at which blocks, tiles and vectors leave
// remainders.
constexpr const char* large[] = {
    "op=fwd dtype=f32 n=1 c=1 in=100003 k=1 f=31 pad=15 boundary=mirror",
    "op=fwd dtype=f64 n=1 c=1 in=50021 k=1 f=65 pad=32",
    "op=fwd dtype=c64 n=1 c=1 in=20011 k=1 f=63 pad=31",
    "op=fwd dtype=i32 n=1 c=1 in=100003 k=1 f=31 pad=15",
    "op=fwd dtype=f32 n=1 c=1 in=303x401 k=1 f=5x5 pad=2 boundary=wrap",
    "op=fwd dtype=u8:f32:u8 n=3 c=1 in=103x201 k=1 f=7x3 pad=3x1 boundary=reflect",
    "op=fwd dtype=f32 n=1 c=1 in=33x35x37 k=1 f=3x5x3 pad=1x2x1 boundary=nearest",
    "op=fwd dtype=u8:i8:u8 n=1 c=1 in=303x401 k=1 f=11x11 pad=5 boundary=reflect",
    "op=fwd dtype=i16:i16:i32 n=2 c=2 in=50021 k=2 f=63 pad=31 g=2",
    "op=fwd dtype=u8:i8:i32 n=1 c=21 in=39x41 k=45 f=3x3 pad=1",
    "op=filter dtype=f32 in=303x401 f=9x7 boundary=wrap sep=1",
    "op=filter dtype=u8 b=3 in=203x201 f=13x9 boundary=reflect sep=1",
    "op=filter dtype=f64 in=33x75x77 f=5x3x7 boundary=mirror sep=1",
    "op=fwd dtype=f32 n=1 c=131 in=29x31 k=131 f=3x3 pad=1 stride=2 g=131",
    "op=fwd dtype=f32 n=1 c=19 in=29x31 k=45 f=3x3 pad=1",
    "op=fwd dtype=f32 n=1 c=80 in=11x13 k=37 f=3x3 pad=1 boundary=mirror",
    "op=fwd dtype=f32 n=2 c=72 in=14x14 k=48 f=3x3 pad=1",
    "op=fwd dtype=f32 n=1 c=34 in=25x23 k=32 f=5x3 pad=2 stride=2x1 dil=1x2",
    "op=fwd dtype=f32 n=1 c=9 in=7x9x11 k=33 f=3x3x3 pad=1",
    "op=fwd dtype=f32 n=1 c=33 in=701 k=40 f=5 pad=-2:9 dil=3",
    "op=fwd dtype=f32 n=3 c=130 in=13x17 k=70 f=1x1 g=2",
    "op=fwd dtype=f64 n=1 c=1 in=183x181 k=33 f=1x1",
    "op=fwd dtype=bf16 n=1 c=21 in=29x31 k=45 f=3x3 pad=1",
    "op=fwd dtype=f32 n=1 c=16 in=29x31 k=45 f=3x3 pad=1 stride=2 layout=nhwc",
    "op=fwd dtype=f64 n=2 c=24 in=19x17 k=36 f=3x3 pad=2 dil=2 g=3",
    "op=fwd dtype=f32 n=1 c=147 in=29x31 k=147 f=3x3 pad=1 g=147 layout=nhwc",
    "op=fwd dtype=f32 n=1 c=3 in=203x301 k=3 f=5x4 pad=2 g=3 boundary=mirror layout=nhwc",
    "op=fwd dtype=f32 n=1 c=1100 in=301 k=1100 f=7 pad=3:5 g=1100 boundary=wrap layout=nhwc",
    "op=fwd dtype=f64 n=2 c=21 in=9x19x37 k=21 f=3x2x5 pad=1:0x1x2 stride=1x1x2 g=21 layout=nhwc",
    "op=fwd dtype=bf16 n=1 c=40 in=33x41 k=80 f=5x5 pad=2 dil=2 g=40 layout=nhwc",
    "op=fwd dtype=i32 n=1 c=35 in=63x41 k=35 f=5x5 pad=2 g=35 boundary=nearest layout=nhwc",
    "op=fwd dtype=u8:f32:u8 n=1 c=4 in=203x301 k=4 f=3x5 pad=1x2 stride=1x2 g=4 layout=nhwc",
    "op=fwd dtype=f32 n=1 c=1 in=60003 k=1 f=1603 idil=160 stride=147 pad=801 flip=1",
    "op=fwd dtype=f64 n=1 c=1 in=701x203 k=1 f=255x1 idil=16x1 stride=15x1 pad=127x0",
    "op=fwd dtype=c64 n=2 c=1 in=10007 k=1 f=255 idil=3 stride=2 pad=127",
    "op=fwd dtype=f32 n=1 c=34 in=21x23 k=40 f=4x5 idil=2x3 pad=2 stride=1x2",
    "op=dgrad dtype=f32 n=1 c=50 in=61x43 k=50 f=5x5 pad=2 stride=2 g=50 layout=nhwc",
    "op=dgrad dtype=f32 n=1 c=19 in=29x31 k=45 f=3x3 pad=1",
    "op=dgrad dtype=f32 n=1 c=19 in=39x41 k=45 f=3x3 pad=1 stride=2",
    "op=dgrad dtype=f32 n=1 c=38 in=39x41 k=42 f=5x3 pad=1:2x2:0 stride=2x3 dil=1x2 g=2",
    "op=dgrad dtype=f64 n=1 c=21 in=7x21x23 k=13 f=2x3x3 pad=1 stride=2 layout=nhwc flip=1",
    "op=dgrad dtype=bf16 n=2 c=21 in=1003 k=34 f=9 pad=2 stride=4",
    "op=dgrad dtype=c64 n=1 c=11 in=49x51 k=8 f=3x3 pad=1 dil=2",
    "op=wgrad dtype=f32 n=2 c=19 in=29x31 k=45 f=3x3 pad=1",
    "op=wgrad dtype=f32 n=2 c=22 in=29x31 k=70 f=3x2 pad=1:2x0:1 stride=2x1 dil=1x2 g=2",
    "op=wgrad dtype=f64 n=1 c=7 in=9x19x21 k=37 f=2x3x3 pad=1 stride=1x2x2 layout=nhwc flip=1",
    "op=wgrad dtype=bf16 n=4 c=12 in=403 k=24 f=5 pad=2 boundary=mirror",
    "op=wgrad dtype=f32 n=2 c=50 in=23x37 k=50 f=5x3 pad=2x1 g=50",
    "op=wgrad dtype=c64 n=3 c=5 in=4003 k=9 f=7 pad=3",
    "op=wgrad dtype=f32 n=5 c=260 in=9x37 k=21 f=1x1",
    "op=wgrad dtype=f64 n=2 c=42 in=33x41 k=42 f=3x3 pad=1 stride=2 dil=2 g=21 layout=nhwc",
};

std::vector<Problem> all_problems() {
  std::vector<Problem> problems;
  for (const char* file : {"smoke", "basic", "regression"}) {
    for (const std::string& line : problem_lines("tests/problems/" + std::string(file) + ".txt")) {
      problems.push_back(Problem::parse(line));
    }
  }
  for (const char* line : large) problems.push_back(Problem::parse(line));
  return problems;
}

class CpuAgreement : public ::testing::Test {
 protected:
  void TearDown() override { set_threads(0); }

  // f(engine, problem, operands) for every CPU engine that takes the problem, but the reference.
  template <typename F>
  void for_each_case(std::span<const Problem> problems, F&& f) {
    for (const Problem& problem : problems) {
      SCOPED_TRACE(to_string(problem));
      const Operands operands = filled_operands(problem, Fill::reals, test_seed());
      for (const Engine* engine : cpu_device().engines()) {
        if (engine == &reference_engine() || !engine->offer(problem, Device::cpu())) continue;
        SCOPED_TRACE(engine->name());
        f(*engine, problem, operands);
      }
    }
  }
};

TEST_F(CpuAgreement, ThreadsChangeNoBit) {
  const std::vector<Problem> problems = all_problems();
  for_each_case(
      problems, [](const Engine& engine, const Problem& problem, const Operands& operands) {
        set_threads(1);
        const Array one = run_guarded(cpu_device(), engine, problem, operands);
        for (const int count : {2, 4}) {
          set_threads(count);
          EXPECT_TRUE(same_elements(one, run_guarded(cpu_device(), engine, problem, operands)))
              << count << " threads";
        }
      });
}

// Guards the test above: of each problem made for it some engine uses several threads, and every
// engine does for some of them.
TEST_F(CpuAgreement, LargeProblemsUseSeveralThreads) {
  set_threads(4);
  std::map<std::string_view, int> max;
  for (const char* line : large) {
    const Problem problem = Problem::parse(line);
    int threads = 0;
    for (const Engine* engine : cpu_device().engines()) {
      const Offer offer = engine->offer(problem, Device::cpu());
      if (!offer || engine == &reference_engine()) continue;
      const int own = offer.prepare()->facts().threads;
      threads = std::max(threads, own);
      max[engine->name()] = std::max(max[engine->name()], own);
    }
    EXPECT_GT(threads, 1) << line;
  }
  for (const auto& [engine, threads] : max) EXPECT_GT(threads, 1) << engine;
}

#ifdef FALTUNG_HAVE_HIGHWAY
TEST_F(CpuAgreement, EveryInstructionSetKeepsTheBounds) {
  for (const Problem& problem : all_problems()) {
    SCOPED_TRACE(to_string(problem));
    const Operands operands = filled_operands(problem, Fill::reals, test_seed());
    const Array expected = run_guarded(cpu_device(), reference_engine(), problem, operands);
    for (const std::string& target : cpu_targets()) {
      set_cpu_target(target);
      const Array result = run_guarded(cpu_device(), direct_engine(), problem, operands);
      const ErrorBound bound =
          direct_engine().offer(problem, Device::cpu()).prepare()->error_bound();
      EXPECT_LE(error_ratio(problem, operands, expected, result, bound), 1) << target;
    }
  }
  set_cpu_target("");
}
#endif

}  // namespace
}  // namespace faltung::test
