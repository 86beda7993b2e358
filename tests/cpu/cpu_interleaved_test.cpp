// The path of cpu.direct that sums the phases of a row side by side, against the reference, on
// every instruction set that has it.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <string_view>

#include "cpp/cpu/direct/phases/interleaved_kernel.hpp"
#include "tests/support/direct_way.hpp"

namespace faltung::test {
namespace {

class CpuInterleaved : public DirectWayTest {
 protected:
  CpuInterleaved() : DirectWayTest("interleaved") {}

  void SetUp() override {
    DirectWayTest::SetUp();
    if (direct::interleaved_kernel<float>() == nullptr) {
      GTEST_SKIP() << "no lanes are loaded alone on " << GetParam();
    }
  }
};

// Rows that end anywhere in a vector, tiles of 1, 2 and 4 vectors, both ends in one vector.
TEST_P(CpuInterleaved, RowsOfAnyLength) {
  for (int step = 1; step <= 4; ++step) {
    for (const char* type : {"f32", "f64"}) {
      for (int width = 1; width < 100; width += width < 40 ? 1 : 7) {
        expect_exact(std::string("op=fwd dtype=") + type + " c=1 in=3x" + std::to_string(width) +
                     " k=1 f=3x5 pad=1x2 idil=2x" + std::to_string(step));
      }
    }
  }
}

TEST_P(CpuInterleaved, PadsDilationsAndStrides) {
  for (const char* geometry : {
           "in=40 f=31 pad=15 idil=2",
           "in=40 f=31 pad=60 idil=3",
           "in=40 f=64 pad=-3:70 idil=4",
           "in=40 f=5 pad=9 idil=2 dil=2",
           "in=40 f=5 pad=9 idil=2 dil=3",
           "in=40 f=1 idil=3",
           "in=9x20 f=2x2 idil=4x3 pad=0",
           "in=9x20 f=4x3 idil=3x2 stride=2x1",
           "in=9x20 f=3x3 idil=6x2 stride=4x1 dil=2x2 pad=5x2",
           "in=9x20 f=1x1 idil=2",
           "in=4x5x20 f=3x3x3 idil=2 pad=1",
           "in=4x5x20 f=3x3x3 idil=1x2x3 pad=2 dil=1x3x2",
           "in=4x5x20 f=2x4x3 idil=3x1x1 stride=2x3x1 pad=0:2x-1:3x1",
           "in=30000 f=7 pad=3 idil=2",
           "in=300x40 f=3x3 pad=1 idil=2",
           "in=1x9 f=3x3 pad=4x0 idil=2",
       }) {
    for (const char* type : {"f32", "f64"}) {
      expect_exact(std::string("op=fwd dtype=") + type + " c=1 k=1 " + geometry);
      expect_exact(std::string("op=fwd dtype=") + type + " n=2 c=3 k=6 g=3 flip=1 " + geometry);
    }
  }
}

TEST_P(CpuInterleaved, DataGradients) {
  for (const char* geometry : {
           "in=56x56 f=3x3 stride=2 pad=1",
           "in=55x57 f=3x3 stride=2 pad=1",
           "in=56x57 f=3x3 stride=3x1 pad=1",
           "in=20x57 f=5x4 stride=2x4 pad=2x1 dil=1x3",
           "in=9x10x20 f=3x3x3 stride=2 pad=1",
           "in=100 f=31 stride=2 pad=15",
           "in=20x30 f=1x1 stride=2",
           "in=20x30 f=3x3 stride=2 pad=1 idil=3x1",
       }) {
    for (const char* type : {"f32", "f64"}) {
      expect_exact(std::string("op=dgrad dtype=") + type + " c=1 k=1 " + geometry);
      expect_exact(std::string("op=dgrad dtype=") + type + " n=3 c=5 k=5 g=5 " + geometry);
    }
  }
}

// Results that are stored by the epilogue, of other types, or a step apart.
TEST_P(CpuInterleaved, OtherResults) {
  for (const char* rest :
       {"dtype=f32:f32:f16", "dtype=f32:f16:bf16", "dtype=f32 alpha=2 beta=1",
        "dtype=f32 bias=1 act=relu", "dtype=f32:f32:i16 acc=f32", "dtype=f64:f32:f32 acc=f64",
        "dtype=f32 ystrides=12000,4000,80,2", "dtype=f32 xstrides=6000,2000,-40,1"}) {
    expect_exact(std::string("op=fwd n=2 c=3 k=3 g=3 in=9x20 f=3x3 pad=1 idil=2 ") + rest);
  }
}

// Also of sums that go to the definition, as an infinite weight meets no zeros.
TEST_P(CpuInterleaved, NumbersThatAreNotFinite) {
  for (const bool in_filter : {false, true}) {
    const Problem p = Problem::parse("op=fwd dtype=f32 c=1 k=1 in=9x40 f=3x3 pad=1 idil=2");
    Operands operands = filled_operands(p, Fill::reals, test_seed());
    Array& array = in_filter ? operands.second : operands.first;
    array.set(Extents::filled(array.shape().size(), 0), std::nan(""));
    const Array reference = expected(p, operands);
    const Array result = run(p, operands);
    for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
      EXPECT_EQ(std::isfinite(reference.get(index).real()), std::isfinite(result.get(index).real()))
          << in_filter << " at " << index;
    });
  }
}

TEST_P(CpuInterleaved, RealNumbersWithinTheBound) {
  for (const char* line : {"op=fwd dtype=f32 n=2 c=4 k=4 g=4 in=20x37 f=5x5 pad=2 idil=2",
                           "op=dgrad dtype=f64 n=2 c=4 k=4 g=4 in=20x37 f=5x5 pad=2 stride=2",
                           "op=fwd dtype=f32 c=1 k=1 in=999 f=63 pad=31 idil=2"}) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const Operands operands = filled_operands(p, Fill::reals, test_seed());
    const ErrorBound bound = offer(p, "interleaved").prepare()->error_bound();
    EXPECT_LE(error_ratio(p, operands, expected(p, operands), run(p, operands), bound), 1);
  }
}

TEST_P(CpuInterleaved, LeavesTheRestToOtherWays) {
  for (const char* line : {"op=fwd dtype=f32 c=1 k=1 in=20 f=3 pad=1 idil=5",
                           "op=fwd dtype=f32 c=1 k=1 in=20 f=3 pad=1 idil=2 stride=3",
                           "op=fwd dtype=f32 c=1 k=1 in=20 f=3 pad=1 idil=2 boundary=mirror",
                           "op=fwd dtype=f32 c=2 k=1 in=20 f=3 pad=1 idil=2",
                           "op=fwd dtype=f32 c=1 k=1 in=20 f=3 pad=1",
                           "op=fwd dtype=f16 c=1 k=1 in=20 f=3 pad=1 idil=2",
                           "op=fwd dtype=f32 c=1 k=1 in=20x20x20 f=11x11x11 idil=1x1x2"}) {
    EXPECT_FALSE(offer(Problem::parse(line), "interleaved")) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, CpuInterleaved, ::testing::ValuesIn(cpu_targets()),
                         [](const auto& set) { return set.param; });

}  // namespace
}  // namespace faltung::test
