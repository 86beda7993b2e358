#include <gtest/gtest.h>

#include <cstdint>
#include <faltung/error.hpp>
#include <faltung/problem.hpp>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "tests/support/random_problem.hpp"

namespace faltung {
namespace {

TEST(Axis, ExtentsFollowTheFormula) {
  // N, R, stride, dilation, input dilation, lo, hi -> R', N', O; by hand from the definition.
  const struct {
    Axis axis;
    std::int64_t filter, input, output;
  } table[] = {
      {{.input = 9, .filter = 3}, 3, 9, 7},
      {{.input = 9, .filter = 3, .stride = 2}, 3, 9, 4},
      {{.input = 10, .filter = 3, .stride = 2}, 3, 10, 4},
      {{.input = 9, .filter = 3, .dilation = 4}, 9, 9, 1},
      {{.input = 9, .filter = 3, .dilation = 5}, 11, 9, 0},
      {{.input = 5, .filter = 4, .input_dilation = 3}, 4, 13, 10},
      {{.input = 0, .filter = 1, .input_dilation = 3}, 1, 0, 0},
      {{.input = 0, .filter = 2, .pad_lo = 2, .pad_hi = 1}, 2, 0, 2},
      {{.input = 7, .filter = 3, .pad_lo = -2, .pad_hi = 1}, 3, 7, 4},
      {{.input = 7, .filter = 1, .pad_lo = -7}, 1, 7, 0},
  };
  for (const auto& row : table) {
    EXPECT_EQ(row.axis.effective_filter(), row.filter);
    EXPECT_EQ(row.axis.dilated_input(), row.input);
    EXPECT_EQ(row.axis.output(), row.output);
  }
}

TEST(Problem, ShapesFollowTheLayout) {
  Problem p = Problem::parse("op=fwd dtype=f32 n=2 c=6 in=9x8 k=4 f=3x5 g=2 stride=2x1");
  EXPECT_EQ(p.x_shape(), (Shape{2, 6, 9, 8}));
  EXPECT_EQ(p.w_shape(), (Shape{4, 3, 3, 5}));
  EXPECT_EQ(p.y_shape(), (Shape{2, 4, 4, 4}));
  p.layout = Layout::channels_last;
  EXPECT_EQ(p.x_shape(), (Shape{2, 9, 8, 6}));
  EXPECT_EQ(p.w_shape(), (Shape{4, 3, 5, 3}));
  EXPECT_EQ(p.y_shape(), (Shape{2, 4, 4, 4}));
}

TEST(Problem, ThePassNamesTheResult) {
  Problem p = Problem::parse("op=fwd dtype=u8:f32:f64 n=2 c=3 in=9 k=5 f=2");
  EXPECT_EQ(p.result_dtype(), f64);
  EXPECT_EQ(p.result_shape(), p.y_shape());
  EXPECT_EQ(p.result_channels(), 5);
  p.pass = Pass::backward_data;
  EXPECT_EQ(p.result_dtype(), u8);
  EXPECT_EQ(p.result_shape(), p.x_shape());
  EXPECT_EQ(p.result_channels(), 3);
  p.pass = Pass::backward_filter;
  EXPECT_EQ(p.result_dtype(), f32);
  EXPECT_EQ(p.result_shape(), p.w_shape());
  EXPECT_EQ(p.result_channels(), 5);
}

TEST(Problem, CountsWork) {
  const Problem p = Problem::parse("op=fwd dtype=f16:f32:f64 n=2 c=6 in=9x8 k=4 f=3x5 g=2");
  EXPECT_EQ(p.multiply_adds(), 2. * 4 * 3 * (7 * 4) * (3 * 5));
  EXPECT_EQ(p.bytes(), 2. * 6 * 72 * 2 + 4. * 3 * 15 * 4 + 2. * 4 * 28 * 8);
  // Far beyond 64 bits, still a number.
  EXPECT_EQ(Problem::parse("op=fwd dtype=i8 in=1099511627776 f=1 pad=0 n=1048576").multiply_adds(),
            0x1p60);
}

TEST(Problem, ShapesOfInvalidProblemsDoNotCrash) {
  Problem p;
  p.groups = 0;
  p.axes.resize(1);
  EXPECT_EQ(p.w_shape(), (Shape{1, 0, 1}));
  p.axes.resize(7);
  EXPECT_THROW((void)p.x_shape(), InvalidProblem);
}

TEST(Problem, DefaultAccumulators) {
  const struct {
    DType input, filter, output, accumulator;
  } table[] = {
      {f16, f16, f16, f32},  {bf16, bf16, bf16, f32}, {f32, f32, f32, f32},   {f64, f64, f64, f64},
      {f16, f32, f16, f32},  {f32, f64, f32, f64},    {f32, f32, f64, f64},   {c64, c64, c64, c64},
      {c64, f32, c64, c64},  {c64, f64, c64, c128},   {c128, f16, c64, c128}, {c64, u16, c64, c64},
      {c64, u32, c64, c128}, {i8, i8, i8, i32},       {u8, i8, i32, i32},     {u16, i16, u32, i32},
      {i16, i16, i64, i64},  {i32, i8, i32, i64},     {i8, u32, i8, i64},     {u64, u64, u64, i64},
      {u8, f32, u8, f32},    {i16, f16, f32, f32},    {i32, f32, i32, f64},   {u8, f32, i32, f64},
      {i64, f32, i64, f64},  {u64, f32, f32, f64},    {i8, i8, f32, f32},     {i32, i32, f32, f64},
  };
  for (const auto& row : table) {
    EXPECT_EQ(default_accumulator(row.input, row.filter, row.output), row.accumulator)
        << name(row.input) << ':' << name(row.filter) << ':' << name(row.output);
  }
}

// Every one of the 14^3 triples has a default; where the forward problem is refused, no other
// accumulator serves it either.
TEST(Problem, DefaultAccumulatorServesWhateverCanBeServed) {
  const auto valid = [](const Problem& p) {
    try {
      p.validate();
      return true;
    } catch (const InvalidProblem&) {
      return false;
    }
  };
  int refused = 0;
  for (const DType x : all_dtypes) {
    for (const DType w : all_dtypes) {
      for (const DType y : all_dtypes) {
        Problem p{.axes = {Axis{.input = 9, .filter = 3}}, .input = x, .filter = w, .output = y};
        p.accumulator = default_accumulator(x, w, y);
        if (valid(p)) continue;
        ++refused;
        SCOPED_TRACE(to_string(p));
        for (const DType accumulator : all_dtypes) {
          p.accumulator = accumulator;
          EXPECT_FALSE(valid(p));
        }
      }
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(Problem, BiasType) {
  const auto bias = [](const char* line) { return Problem::parse(line).bias_dtype(); };
  EXPECT_EQ(bias("op=fwd dtype=f16 in=3 f=1"), f16);
  EXPECT_EQ(bias("op=fwd dtype=f16:f16:f32 in=3 f=1"), f32);
  EXPECT_EQ(bias("op=dgrad dtype=f16:f16:f32 in=3 f=1"), f16);
  EXPECT_EQ(bias("op=fwd dtype=i8:i8:i8 in=3 f=1"), i32);
  EXPECT_EQ(bias("op=fwd dtype=i8:i8:f32 acc=i32 in=3 f=1"), i32);
  EXPECT_EQ(bias("op=fwd dtype=u8:f32:u8 in=3 f=1"), f32);
  EXPECT_EQ(bias("op=fwd dtype=c64 acc=c128 in=3 f=1"), c64);
}

TEST(Problem, EqualProblemsHashAlike) {
  Problem a = Problem::parse("op=fwd dtype=f64 in=9 f=3 pad=1 boundary=constant(0) beta=0");
  Problem b = a;
  b.epilogue.beta = -0.0;
  b.axes[0].below.value = {-0.0, -0.0};
  ASSERT_EQ(a, b);
  EXPECT_EQ(std::hash<Problem>{}(a), std::hash<Problem>{}(b));
}

// Changing any single field changes the problem, its hash and its text.
TEST(Problem, EveryFieldCounts) {
  const Problem base = Problem::parse(
      "op=fwd dtype=f32 n=2 c=2 in=9x7 k=2 f=3x2 boundary=constant(1) act=clamp(0,6)");
  const std::vector<std::function<void(Problem&)>> changes = {
      [](Problem& p) { p.pass = Pass::backward_data; },
      [](Problem& p) { p.batch = 3; },
      [](Problem& p) { p.in_channels = 4; },
      [](Problem& p) { p.out_channels = 4; },
      [](Problem& p) { p.groups = 2; },
      [](Problem& p) { p.axes.pop_back(); },
      [](Problem& p) { p.axes[1].input = 8; },
      [](Problem& p) { p.axes[0].filter = 2; },
      [](Problem& p) { p.axes[1].stride = 2; },
      [](Problem& p) { p.axes[0].dilation = 2; },
      [](Problem& p) { p.axes[1].input_dilation = 2; },
      [](Problem& p) { p.axes[0].pad_lo = 1; },
      [](Problem& p) { p.axes[0].pad_hi = 1; },
      [](Problem& p) { p.axes[0].below = Boundary::wrap(); },
      [](Problem& p) { p.axes[0].above = Boundary::constant(2); },
      [](Problem& p) { p.input = f16; },
      [](Problem& p) { p.filter = f16; },
      [](Problem& p) { p.output = f16; },
      [](Problem& p) { p.accumulator = f64; },
      [](Problem& p) { p.layout = Layout::channels_last; },
      [](Problem& p) { p.x_strides = compact_strides(p.x_shape()); },
      [](Problem& p) { p.w_strides = compact_strides(p.w_shape()); },
      [](Problem& p) { p.y_strides = compact_strides(p.y_shape()); },
      [](Problem& p) { p.flip = true; },
      [](Problem& p) { p.conjugate = true; },
      [](Problem& p) { p.separable = 1; },
      [](Problem& p) { p.separable = 2; },
      [](Problem& p) { p.math = Math::fast; },
      [](Problem& p) { p.overflow = Overflow::saturate; },
      [](Problem& p) { p.rounding = Rounding::nearest_even; },
      [](Problem& p) { p.epilogue.alpha = 2; },
      [](Problem& p) { p.epilogue.beta = 1; },
      [](Problem& p) { p.epilogue.bias = true; },
      [](Problem& p) { p.epilogue.activation = Activation::relu(); },
      [](Problem& p) { p.epilogue.activation.a = -1; },
      [](Problem& p) { p.epilogue.activation.b = 7; },
  };
  std::set<std::size_t> hashes = {std::hash<Problem>{}(base)};
  std::set<std::string> texts = {to_string(base)};
  for (const auto& change : changes) {
    Problem p = base;
    change(p);
    EXPECT_NO_THROW(p.validate()) << p;
    EXPECT_NE(p, base);
    EXPECT_TRUE(hashes.insert(std::hash<Problem>{}(p)).second) << p;
    EXPECT_TRUE(texts.insert(to_string(p)).second) << p;
  }
}

TEST(Problem, RandomProblemsRarelyCollide) {
  test::RandomProblems next(3);
  std::set<std::size_t> hashes;
  std::set<std::string> texts;
  for (int i = 0; i < 20000; ++i) {
    const Problem p = next();
    hashes.insert(std::hash<Problem>{}(p));
    texts.insert(to_string(p));
  }
  // 20,000 values in 2^64 places collide with probability 1e-11.
  EXPECT_EQ(hashes.size(), texts.size());
}

constexpr std::int64_t max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t p31 = std::int64_t{1} << 31;
constexpr std::int64_t p62 = std::int64_t{1} << 62;
constexpr std::int64_t extremes[] = {0, 1, 3, -1, p31, p62, max};
constexpr std::int64_t few_extremes[] = {1, p31, max};

// Every tuple of extreme numbers is accepted or refused; what is accepted can be used. Run under
// UBSan, this shows that nothing overflows on the way.
struct Tally {
  int valid = 0;
  int refused = 0;

  void try_one(const Problem& p) {
    try {
      p.validate();
      ++valid;
      EXPECT_GE(element_count(p.x_shape()), 0) << p;
      EXPECT_GE(element_count(p.w_shape()), 0) << p;
      EXPECT_GE(element_count(p.y_shape()), 0) << p;
      EXPECT_GE(p.multiply_adds(), 0) << p;
      EXPECT_EQ(Problem::parse(to_string(p)), p) << p;
    } catch (const InvalidProblem&) {
      ++refused;
    }
  }
  void try_every_extent(Problem p) {
    for (const std::int64_t in : extremes) {
      for (const std::int64_t f : extremes) {
        for (const std::int64_t stride : few_extremes) {
          p.axes[0] = Axis{.input = in, .filter = f, .stride = stride};
          try_one(p);
        }
      }
    }
  }
  void try_every_pad_and_stride(const Axis& axis) {
    constexpr std::int64_t pads[] = {0, -1, p62, -max - 1, max};
    for (const std::int64_t lo : pads) {
      for (const std::int64_t hi : pads) {
        for (const std::int64_t step : {std::int64_t{0}, p62, -max - 1}) {
          Problem p{.axes = {axis}, .x_strides = {1, 1, step}, .y_strides = {step, 1, 1}};
          p.axes[0].pad_lo = lo;
          p.axes[0].pad_hi = hi;
          try_one(p);
        }
      }
    }
  }
};

TEST(Problem, ExtremeExtentsNeverOverflow) {
  Tally tally;
  for (const std::int64_t n : extremes) {
    for (const std::int64_t c : extremes) {
      for (const std::int64_t k : extremes) {
        tally.try_every_extent({.batch = n, .in_channels = c, .out_channels = k, .axes = {Axis{}}});
      }
    }
  }
  EXPECT_EQ(tally.valid + tally.refused, 7 * 7 * 7 * 7 * 7 * 3);
  EXPECT_GT(tally.valid, 1000);
  EXPECT_GT(tally.refused, 1000);
}

TEST(Problem, ExtremePadsAndStridesNeverOverflow) {
  Tally tally;
  for (const std::int64_t in : extremes) {
    for (const std::int64_t f : few_extremes) {
      for (const std::int64_t dilation : few_extremes) {
        for (const std::int64_t input_dilation : few_extremes) {
          tally.try_every_pad_and_stride({.input = in,
                                          .filter = f,
                                          .dilation = dilation,
                                          .input_dilation = input_dilation,
                                          .below = Boundary::mirror()});
        }
      }
    }
  }
  EXPECT_EQ(tally.valid + tally.refused, 7 * 3 * 3 * 3 * 5 * 5 * 3);
  EXPECT_GT(tally.valid, 100);
  EXPECT_GT(tally.refused, 1000);
}

}  // namespace
}  // namespace faltung
