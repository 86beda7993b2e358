#include <gtest/gtest.h>

#include <faltung/threads.hpp>
#include "cpp/cpu/fft/fft_engine.hpp"
#include "cpp/cpu/fft/transform.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/simd/cpu_target.hpp"
#endif

namespace faltung::test {
namespace {

// Large enough that several threads are woken; blocks of every kind: many, few, and one that all
// threads share.
const char* const problems[] = {
    "op=fwd dtype=f32 n=2 in=40000 f=301",
    "op=fwd dtype=f64 in=30000 f=20001",
    "op=fwd dtype=c64 n=2 c=3 in=6000 k=5 f=65",
    "op=fwd dtype=f32 c=2 in=200x150 k=2 f=31x20 boundary=reflect",
    "op=fwd dtype=f32 c=6 in=70x90 k=6 f=11x11 g=6 stride=2 pad=5",
    "op=fwd dtype=f32 in=40x50x60 f=9x9x9",
    "op=dgrad dtype=f32 n=2 c=3 in=5000 k=4 f=400 pad=20",
    "op=wgrad dtype=f32 n=3 c=2 in=20000 k=3 f=300",
    "op=wgrad dtype=f64 in=60000 f=5000",
};

class FftThreads : public ::testing::Test {
 protected:
  void TearDown() override {
    set_threads(0);
#ifdef FALTUNG_HAVE_HIGHWAY
    set_cpu_target("");
#endif
  }
  static void check(const Problem& problem) {
    SCOPED_TRACE(::testing::Message() << problem);
    const Operands operands = filled_operands(problem, Fill::reals, test_seed());
    set_threads(1);
    const Array expected = run_guarded(cpu_device(), fft_engine(), problem, operands);
    for (const int count : {2, 4}) {
      set_threads(count);
      const Array result = run_guarded(cpu_device(), fft_engine(), problem, operands);
      EXPECT_TRUE(same_elements(expected, result)) << count << " threads";
    }
  }
};

TEST_F(FftThreads, DoNotChangeABit) {
  for (const char* line : problems) check(Problem::parse(line));
}

#ifdef FALTUNG_HAVE_HIGHWAY
// Every instruction set keeps the same bound, so two of them differ by at most twice that.
TEST_F(FftThreads, InstructionSetsKeepTheBound) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 c=2 in=3000 k=2 f=301");
  const Operands operands = filled_operands(problem, Fill::reals, test_seed());
  const Array expected = run_guarded(cpu_device(), reference_engine(), problem, operands);
  std::size_t seen = 0;
  for (const std::string& target : cpu_targets()) {
    set_cpu_target(target);
    const auto task = fft_engine().offer(problem, Device::cpu()).prepare();
    seen += task->facts().instruction_set == current_instruction_set().name;
    const Array result = run_guarded(cpu_device(), fft_engine(), problem, operands);
    EXPECT_LE(error_ratio(problem, operands, expected, result, task->error_bound()), 1) << target;
  }
  EXPECT_EQ(seen, cpu_targets().size());
}
#endif

}  // namespace
}  // namespace faltung::test
