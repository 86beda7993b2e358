// The path of cpu.direct that reads rows where they lie, against the reference, on every
// instruction set that has it.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <faltung/threads.hpp>
#include "cpp/cpu/direct/direct_engine.hpp"
#include "cpp/cpu/direct/in_place/in_place_kernel.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"
#include "tests/support/error_check.hpp"

namespace faltung::test {
namespace {

std::string_view way_of(const Problem& p) {
  return p.input == DType::u8 ? "in_place_u8" : "in_place";
}

Offer offer(const Problem& p) { return direct_engine().offer(p, Device::cpu(), way_of(p)); }

class CpuInPlace : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    set_cpu_target(GetParam());
    if (direct::in_place_kernel<float, float>() == nullptr) {
      GTEST_SKIP() << "rows are not read in place on " << GetParam();
    }
  }
  void TearDown() override {
    set_threads(0);
    set_cpu_target("");
  }
  [[nodiscard]] Array run(const Problem& p, const Operands& operands,
                          const RunOptions& options = {}) const {
    RunOptions in_place = options;
    in_place.way = way_of(p);
    return run_guarded(cpu_device(), direct_engine(), p, operands, in_place);
  }
  [[nodiscard]] static Array expected(const Problem& p, const Operands& operands) {
    return run_guarded(cpu_device(), reference_engine(), p, operands);
  }
  void expect_exact(const std::string& line) const {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    ASSERT_TRUE(offer(p));
    const Operands operands = filled_operands(p, Fill::small_integers, test_seed());
    EXPECT_TRUE(equal_elements(expected(p, operands), run(p, operands)));
  }
};

constexpr const char* boundaries[] = {"zero",   "nearest", "reflect",
                                      "mirror", "wrap",    "constant(3)"};

// Rows that end anywhere in a vector, tiles of 1, 2 and 4 vectors, both ends in one vector.
TEST_P(CpuInPlace, RowsOfAnyLength) {
  for (const char* boundary : boundaries) {
    for (const char* type : {"f32", "u8:f32:u8", "f64"}) {
      const int vector = type == std::string("f64") ? 8 : 16;
      for (int width = std::string(boundary) == "zero" ? 1 : vector; width < 6 * vector; ++width) {
        expect_exact(std::string("op=filter dtype=") + type + " in=5x" + std::to_string(width) +
                     " f=3x5 boundary=" + boundary);
      }
    }
  }
}

TEST_P(CpuInPlace, EveryOtherColumnOfRowsOfAnyLength) {
  for (const char* type : {"f32", "u8:f32:f32", "f64"}) {
    if (type == std::string("f64") && GetParam() != "avx512") continue;
    for (int width = 1; width < 150; width += width < 40 ? 1 : 7) {
      expect_exact(std::string("op=fwd dtype=") + type + " n=1 c=1 in=5x" + std::to_string(width) +
                   " k=1 f=3x4 pad=2:1 stride=2");
    }
  }
  for (int taps = 1; taps <= 8; ++taps) {
    for (int pad = 0; pad < taps + 3; ++pad) {
      expect_exact("op=fwd dtype=f32 n=1 c=1 in=6x53 k=1 f=2x" + std::to_string(taps) + " pad=1x" +
                   std::to_string(pad) + " stride=2");
    }
  }
}

TEST_P(CpuInPlace, FiltersOfAnySizeItTakes) {
  for (const char* boundary : boundaries) {
    for (const int rows : {1, 3, 4, 5, 6, 7, 8, 9, 10, 11}) {
      for (int taps = 1; taps <= 8; ++taps) {
        expect_exact("op=filter dtype=f32 in=9x37 f=" + std::to_string(rows) + "x" +
                     std::to_string(taps) + " boundary=" + boundary);
      }
    }
  }
}

// Fewer rows than taps, extents of one; one to four rows behind whole groups of them.
TEST_P(CpuInPlace, ImagesOfAnyHeight) {
  for (const char* boundary : boundaries) {
    for (int rows = 1; rows < 10; ++rows) {
      expect_exact("op=filter dtype=f64 in=" + std::to_string(rows) +
                   "x21 f=5x3 boundary=" + boundary);
      expect_exact("op=filter dtype=f32 in=" + std::to_string(rows) +
                   "x3x33 f=3x4x2 boundary=" + boundary);
    }
  }
}

constexpr const char* layers[] = {
    "op=fwd dtype=f32 n=2 c=5 in=7x9 k=5 f=3x3 pad=1 g=5",
    "op=fwd dtype=f32 n=2 c=3 in=9x40 k=9 f=3x3 pad=1 g=3",
    "op=fwd dtype=f32 n=1 c=3 in=12x70 k=3 f=4x6 g=3 flip=1",
    "op=fwd dtype=f64 n=1 c=2 in=12x70 k=2 f=3x3 pad=5x9 g=2",
    "op=fwd dtype=f64 n=1 c=2 in=12x70 k=2 f=3x3 pad=-2:3x-5:1 g=2",
    "op=fwd dtype=f32 n=1 c=2 in=12x70 k=2 f=3x3 pad=1:-2x2:-7 g=2",
    "op=fwd dtype=f32 n=1 c=2 in=5x9x20 k=2 f=3x3x3 pad=1 g=2",
    "op=fwd dtype=f32 n=1 c=2 in=3x3x20 k=2 f=3x3x3 pad=6x6x6 g=2",
    "op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=5x5 pad=4x7 g=2 boundary=nearestxreflect",
    "op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=5x5 pad=4x-3:7 g=2 boundary=zeroxwrap",
    "op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=5x5 pad=40x2 g=2 boundary=mirrorxzero",
    "op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=5x5 pad=4 g=2 boundary=constant(2)xmirror",
    "op=dgrad dtype=f32 n=2 c=6 in=9x17 k=6 f=3x3 pad=1 g=6",
    "op=fwd dtype=f32 n=2 c=3 in=6x21 k=6 f=3x3 pad=1 g=3 bias=1 act=relu",
    "op=fwd dtype=f32 n=2 c=3 in=6x21 k=6 f=3x3 pad=1 g=3 alpha=2 beta=1",
    "op=fwd dtype=u8:f32:f32 n=2 c=3 in=6x21 k=3 f=3x3 pad=1 g=3",
    "op=fwd dtype=f32:f32:f16 n=2 c=3 in=6x21 k=3 f=3x3 pad=1 g=3",
    "op=fwd dtype=f32 n=2 c=3 in=6x21 k=6 f=3x3 pad=1 g=3 xstrides=600,180,25,1",
    "op=fwd dtype=f32 n=2 c=3 in=6x21 k=6 f=3x3 pad=1 g=3 xstrides=-600,180,-25,1",
    "op=fwd dtype=f64 n=1 c=1 in=12x1 k=1 f=3x2 pad=1x1:0 xstrides=1,1,-1,1",
    "op=fwd dtype=f64 n=1 c=1 in=12x2 k=1 f=3x2 pad=1 xstrides=1,1,-2,1",
    "op=fwd dtype=f32 n=2 c=3 in=6x21 k=6 f=3x3 pad=1 g=3 ystrides=2000,300,45,1",
    "op=fwd dtype=f32 n=2 c=3 in=9x37 k=6 f=3x3 pad=1 stride=2 g=3",
    "op=fwd dtype=f32 n=2 c=5 in=9x37 k=2 f=3x3 pad=1",
    "op=fwd dtype=f32 n=2 c=9 in=9x37 k=2 f=1x1",
    "op=fwd dtype=f32 n=2 c=3 in=9x37 k=3 f=3x3 pad=2 dil=2x1 g=3 boundary=mirror",
    "op=fwd dtype=f32 n=1 c=2 in=9x8x37 k=2 f=3x1x2 pad=1x0x1 g=2",
    "op=fwd dtype=f64 n=1 c=70 in=6x20 k=1 f=5x5 pad=2 boundary=reflect",
    "op=fwd dtype=u8:f32:f32 n=1 c=4 in=9x40 k=6 f=3x3 pad=1 stride=2 g=2",
    "op=fwd dtype=f32 n=1 c=3 in=5x9x20 k=2 f=3x3x3 pad=1 xstrides=5000,20,900,90,1",
    "op=fwd dtype=f32 n=1 c=2 in=22x17x20 k=1 f=20x15x3",
    "op=dgrad dtype=f32 n=2 c=2 in=9x17 k=6 f=3x3 pad=1",
    "op=fwd dtype=u8:f32:f32 n=1 c=2 in=11x50 k=2 f=5x8 pad=2x-3:9 stride=1x2 g=2",
    "op=fwd dtype=f32 n=1 c=2 in=11x50 k=2 f=3x3 pad=3 stride=3x1 dil=2x1 g=2 boundary=reflect",
    "op=fwd dtype=f32 n=1 c=2 in=9x9x41 k=2 f=3x3x3 pad=1 stride=2 dil=2x3x1 g=2",
    "op=fwd dtype=f32 n=1 c=2 in=9x9x41 k=2 f=3x3x3 pad=1 stride=3x1x1 g=2 boundary=wrap",
    "op=fwd dtype=f32 n=2 c=3 in=6x21 k=6 f=3x3 pad=1 g=3 ystrides=2000,300,45,2",
};

TEST_P(CpuInPlace, Layers) {
  for (const char* line : layers) expect_exact(line);
}

// Beyond the ends of rows up to a vector is read; every other column is taken of eight or more.
TEST_P(CpuInPlace, WhatWideVectorsTake) {
  if (GetParam() != "avx512") GTEST_SKIP() << "vectors are shorter";
  expect_exact("op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=5x5 pad=4x14 g=2 boundary=nearestxreflect");
  expect_exact("op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=5x5 pad=4x-3:14 g=2 boundary=zeroxwrap");
  expect_exact("op=fwd dtype=f64 n=1 c=2 in=8x70 k=2 f=2x2 stride=2 g=2");
  expect_exact("op=fwd dtype=f64 n=1 c=2 in=7x9x11 k=2 f=1x1x3 pad=0x0x5 stride=1x1x2 g=2");
}

// More boxes and threads than the others have; results of 8 MiB are stored past the caches.
constexpr const char* large[] = {
    "op=filter dtype=f32 in=300x5000 f=3x3 boundary=reflect",
    "op=filter dtype=f64 in=1030x1030 f=3x2 boundary=wrap",
    "op=filter dtype=u8:f32:u8 b=3 in=300x1000 f=5x5 boundary=constant(7)",
    "op=fwd dtype=f32 n=2 c=40 in=56x56 k=40 f=5x5 pad=2 g=40",
    "op=fwd dtype=f32 n=1 c=1 in=17x80x200 k=1 f=3x3x3",
};

TEST_P(CpuInPlace, ThreadsMemoryAndBoundFiltersChangeNoBit) {
  set_threads(4);
  for (const char* line : large) {
    SCOPED_TRACE(line);
    expect_exact(line);
    const Problem p = Problem::parse(line);
    EXPECT_GT(offer(p).prepare()->facts().threads, 1);
    const Operands operands = filled_operands(p, Fill::reals, test_seed());
    const Array four = run(p, operands);
    EXPECT_TRUE(same_elements(four, run(p, operands, {.poison = std::byte{0x5a}})));
    EXPECT_TRUE(same_elements(four, run(p, operands, {.bind_filter = true})));
    set_threads(1);
    EXPECT_TRUE(same_elements(four, run(p, operands)));
    set_threads(4);
  }
}

TEST_P(CpuInPlace, KeepsTheBound) {
  for (const char* line : layers) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const Operands operands = filled_operands(p, Fill::reals, test_seed());
    EXPECT_LE(error_ratio(p, operands, expected(p, operands), run(p, operands),
                          offer(p).prepare()->error_bound()),
              1);
  }
}

TEST_P(CpuInPlace, NonFiniteValuesStayWhereTheDefinitionHasThem) {
  for (const char* line : {"op=filter dtype=f32 in=9x40 f=5x7 boundary=reflect",
                           "op=filter dtype=f32 in=9x40 f=5x7 boundary=constant(1)",
                           "op=fwd dtype=f64 n=1 c=2 in=9x11x20 k=2 f=3x4x5 pad=2 g=2"}) {
    const Problem p = Problem::parse(line);
    ASSERT_TRUE(offer(p)) << line;
    for (const bool in_filter : {false, true}) {
      Operands operands = filled_operands(p, Fill::reals, test_seed());
      Array& array = in_filter ? operands.second : operands.first;
      array.set(Extents::filled(array.shape().size(), 0), std::nan(""));
      Extents middle;
      for (const std::int64_t extent : array.shape()) middle.push_back(extent / 2);
      array.set(middle, std::numeric_limits<double>::infinity());
      const Array reference = expected(p, operands);
      const Array result = run(p, operands);
      for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
        EXPECT_EQ(std::isfinite(reference.get(index).real()),
                  std::isfinite(result.get(index).real()))
            << line << " at " << index;
      });
    }
  }
}

TEST_P(CpuInPlace, LeavesTheRestToOthers) {
  for (const char* line :
       {"op=filter dtype=f32 in=9x7 f=3x3 boundary=reflect",
        "op=filter dtype=f64 in=9x3 f=3x3 boundary=wrap",
        "op=filter dtype=f32 in=9x40 f=3x9 boundary=reflect",
        "op=filter dtype=f32 in=9x40 f=2x3 boundary=reflect",
        "op=filter dtype=f64 in=9x40 f=1x3 boundary=reflect",
        "op=fwd dtype=f16 n=1 c=2 in=9x40 k=2 f=3x3 g=2",
        "op=fwd dtype=f32 n=1 c=400 in=9x40 k=2 f=3x3",
        "op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=3x3 stride=3 g=2",
        "op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=3x3 pad=1 stride=2 g=2 boundary=wrap",
        "op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=3x3 dil=2 g=2",
        "op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=3x3 pad=16 g=2 boundary=wrap",
        "op=fwd dtype=f32 n=1 c=2 in=9x40 k=2 f=3x3 g=2 layout=nhwc"}) {
    EXPECT_FALSE(offer(Problem::parse(line))) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, CpuInPlace, ::testing::ValuesIn(cpu_targets()),
                         [](const auto& set) { return set.param; });

}  // namespace
}  // namespace faltung::test
