// The path of cpu.direct for layers of one tap and few output channels, against the reference, on
// every instruction set that has it.

#include <gtest/gtest.h>

#include <string>

#include "cpp/cpu/direct/pointwise/pointwise_kernel.hpp"
#include "tests/support/direct_way.hpp"

namespace faltung::test {
namespace {

class CpuPointwise : public DirectWayTest {
 protected:
  CpuPointwise() : DirectWayTest("pointwise") {}

  void SetUp() override {
    DirectWayTest::SetUp();
    if (direct::pointwise_kernel<float>() == nullptr) {
      GTEST_SKIP() << "no lanes are loaded alone on " << GetParam();
    }
  }
};

// Tiles of up to 4 output channels, rows that end anywhere in a vector.
TEST_P(CpuPointwise, ChannelsAndRowsOfAnyNumber) {
  for (const char* type : {"f32", "f64"}) {
    for (int outputs = 1; outputs <= 16; ++outputs) {
      for (const int width : {2, 7, 8, 15, 16, 17, 40, 64, 65, 127, 2048, 2049, 5000}) {
        if (outputs > 8 && width < 64) continue;
        expect_exact(std::string("op=fwd dtype=") + type + " c=5 in=" + std::to_string(width) +
                     " k=" + std::to_string(outputs) + " f=1");
      }
    }
  }
}

TEST_P(CpuPointwise, GroupsPassesViewsAndResults) {
  for (const char* rest :
       {"n=2 c=12 in=9x11 k=8 f=1x1 g=4", "n=3 c=40 in=5x6x7 k=3 f=1x1x1", "c=511 in=9x9 k=2 f=1x1",
        "n=2 c=4 in=9x11 k=2 f=1x1 xstrides=800,200,20,1", "n=2 c=4 in=9x11 k=2 f=1x1 flip=1",
        "n=2 c=4 in=9x11 k=2 f=1x1 ystrides=800,400,40,2",
        "n=2 c=4 in=9x11 k=2 f=1x1 bias=1 act=relu", "n=2 c=4 in=9x11 k=2 f=1x1 alpha=2 beta=1",
        "n=2 c=4 in=9x11 k=2 f=1x1 wstrides=1,2,1,1"}) {
    expect_exact(std::string("op=fwd dtype=f32 ") + rest);
    expect_exact(std::string("op=fwd dtype=f64 ") + rest);
  }
  expect_exact("op=fwd dtype=f32:f32:f16 c=4 in=9x11 k=2 f=1x1");
  expect_exact("op=fwd dtype=f32:bf16:f32 c=4 in=9x11 k=2 f=1x1");
  expect_exact("op=dgrad dtype=f32 n=2 c=3 in=9x11 k=20 f=1x1");
}

TEST_P(CpuPointwise, RealNumbersWithinTheBound) {
  for (const char* line : {"op=fwd dtype=f32 n=2 c=511 in=9x40 k=3 f=1x1",
                           "op=fwd dtype=f64 n=2 c=32 in=9x40 k=16 f=1x1 g=4"}) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const Operands operands = filled_operands(p, Fill::reals, test_seed());
    const ErrorBound bound = offer(p, "pointwise").prepare()->error_bound();
    EXPECT_LE(error_ratio(p, operands, expected(p, operands), run(p, operands), bound), 1);
  }
}

TEST_P(CpuPointwise, LeavesTheRestToOtherWays) {
  for (const char* line :
       {"op=fwd dtype=f32 c=4 in=9x11 k=17 f=1x1", "op=fwd dtype=f32 c=4 in=7x7 k=9 f=1x1",
        "op=fwd dtype=f32 c=1 in=9 k=2 f=1", "op=fwd dtype=f32 c=512 in=9x11 k=2 f=1x1",
        "op=fwd dtype=f32 c=4 in=9x11 k=2 f=1x1 stride=2",
        "op=fwd dtype=f32 c=4 in=9x11 k=2 f=1x1 pad=1",
        "op=fwd dtype=f32 c=4 in=9x11 k=2 f=1x1 layout=nhwc",
        "op=fwd dtype=f16 c=4 in=9x11 k=2 f=1x1"}) {
    EXPECT_FALSE(offer(Problem::parse(line), "pointwise")) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, CpuPointwise, ::testing::ValuesIn(cpu_targets()),
                         [](const auto& set) { return set.param; });

}  // namespace
}  // namespace faltung::test
