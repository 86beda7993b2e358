// Images with short rows, whose vectors lie along another axis: exact against the reference, and
// with the bits of the ways that take their rows, as those of wider parts of an image do.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/direct_way.hpp"

namespace faltung::test {
namespace {

constexpr const char* images[] = {
    "in=200x2 f=5x5 pad=2",
    "in=200x3 f=5x4 pad=2",
    "in=130x4 f=3x5 pad=1x2 dil=2x1",
    "in=300x3 f=4x3 pad=1 stride=2x1",
    "in=300x7 f=5x3 pad=4x2 stride=1x3 dil=3x2",
    "in=200x2x2 f=3x3x3 pad=1",
    "in=3x200x2 f=3x4x3 pad=1",
    "in=2x154x3 f=2x3x2 pad=1 dil=1x2x1",
    "in=152x4x2 f=5x2x3 pad=2x0x1 stride=2x1x1",
    "in=90x2 f=7x3 pad=70x1",
};

class CpuTurned : public DirectWayTest {
 protected:
  CpuTurned() : DirectWayTest("turned") {}
};

TEST_P(CpuTurned, IsExactOnSmallIntegers) {
  for (const char* image : images) {
    for (const char* rest :
         {"dtype=f32", "dtype=f64", "dtype=i32", "dtype=f32:f32:f16 n=2 c=3 k=3 g=3 flip=1",
          "dtype=f32 boundary=reflect", "dtype=f32 boundary=wrap"}) {
      expect_exact(std::string("op=fwd ") + image + ' ' + rest);
    }
  }
}

// The order of the taps is that of the axes, whatever the extents.
TEST_P(CpuTurned, HasTheBitsOfStencils) {
  for (const char* image : images) {
    for (const char* type : {" dtype=f32", " dtype=f64"}) {
      const std::string line = std::string("op=fwd ") + image + type;
      SCOPED_TRACE(line);
      const Problem p = Problem::parse(line);
      const Operands operands = filled_operands(p, Fill::reals, test_seed());
      EXPECT_TRUE(equal_elements(run_by("stencil", p, operands), run(p, operands)));
    }
  }
}

TEST_P(CpuTurned, LeavesTheRestToOtherWays) {
  for (const char* line :
       {"op=fwd dtype=f32 in=200x40 f=5x5 pad=2", "op=fwd dtype=f32 in=40x2 f=5x5 pad=2",
        "op=fwd dtype=f32 in=200x5 f=5x5 pad=2", "op=fwd dtype=f32 in=200x2 f=5x1",
        "op=fwd dtype=f32 in=200x4x2 f=5x1x3 pad=2x0x1",
        "op=fwd dtype=f32 c=2 in=200x2 f=5x5 pad=2", "op=fwd dtype=f32 in=2000x2 f=103x5 pad=50x2",
        "op=fwd dtype=c64 in=200x2 f=5x5 pad=2"}) {
    EXPECT_FALSE(offer(Problem::parse(line), "turned")) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, CpuTurned, ::testing::ValuesIn(cpu_targets()),
                         [](const auto& set) { return set.param; });

}  // namespace
}  // namespace faltung::test
