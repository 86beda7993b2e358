#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <faltung/plan.hpp>
#include <vector>

#include "cpp/tools/verify/bound.hpp"
#include "cpp/tools/verify/operands.hpp"
#include "cpp/tools/verify/trial.hpp"

namespace faltung::tools {
namespace {

struct Reference {
  Operands operands;
  Operand result;
  Bound bound;
};

Reference run(const Problem& problem, Fill fill) {
  Operands operands = make_operands(problem, fill, 1);
  const Plan plan = Plan::make(problem, Device::cpu(), {.engine = "cpu.reference"});
  Operand result = operands.result.clone();
  const ConstTensorView bias = problem.epilogue.bias ? operands.bias.view() : ConstTensorView{};
  plan.run({}, operands.first.view(), operands.second.view(), result.view(), {}, bias);
  Bound bound(problem, operands, plan.error_bound());
  return {std::move(operands), std::move(result), std::move(bound)};
}

const char* const real_problems[] = {
    "op=fwd dtype=f32 n=2 c=3 in=9x8 k=4 f=3x3 pad=1",
    "op=dgrad dtype=f32 n=2 c=3 in=9x8 k=4 f=3x3 pad=1 stride=2 boundary=mirror",
    "op=wgrad dtype=f32 n=2 c=3 in=9x8 k=4 f=3x3 pad=1 boundary=constant(2)",
    "op=fwd dtype=f32 n=2 c=3 in=20 k=4 f=5 alpha=0.3 beta=0.7 bias=1 act=gelu",
};

TEST(Bound, EqualResultsHaveNoError) {
  for (const char* text : real_problems) {
    const Reference r = run(Problem::parse(text), Fill::reals);
    EXPECT_EQ(r.bound.ratio({ErrorBound::Kind::elementwise, 1e-7}, r.result, r.result), 0) << text;
    EXPECT_EQ(first_difference(r.result, r.result), "");
  }
}

// (|x| * |w|) is at most the longest sum, and alpha, beta and bias add at most three more.
TEST(Bound, SeesErrorsAboveItAndForgivesThoseBelow) {
  for (const char* text : real_problems) {
    const Problem problem = Problem::parse(text);
    Reference r = run(problem, Fill::reals);
    const double terms =
        problem.multiply_adds() / static_cast<double>(element_count(problem.result_shape()));
    const double constant = 1e-2;
    for (const auto kind : {ErrorBound::Kind::elementwise, ErrorBound::Kind::normwise}) {
      Operand wrong = r.result.clone();
      float& value = wrong.storage.values<float>()[7];
      value += static_cast<float>(constant * 1e-2);
      const double small = r.bound.ratio({kind, constant}, wrong, r.result);
      EXPECT_GT(small, 0) << text;
      EXPECT_LT(small, 1) << text;
      value += static_cast<float>(constant * 1000 * (terms + 3));
      EXPECT_GT(r.bound.ratio({kind, constant}, wrong, r.result), 1) << text;
      value = std::nanf("");
      EXPECT_GT(r.bound.ratio({kind, constant}, wrong, r.result), 1) << text;
    }
  }
}

// An integer may be another one only where the sum lies near a step of the store.
TEST(Bound, IntegersDifferOnlyBesideAStep) {
  struct Example {
    const char* rule;
    double sum;
    int right, beside;  // the definition's integer, and the one on the other side of the step
  };
  for (const Example& e : {Example{"", 2.0 - 0x1p-40, 1, 2}, Example{"", -3.0 + 0x1p-40, -2, -3},
                           Example{"round=nearest_even", 4.5 + 0x1p-40, 5, 4},
                           Example{"overflow=saturate", 127.0 - 0x1p-40, 126, 127}}) {
    const Problem problem =
        Problem::parse(std::string("op=fwd dtype=f64:f64:i8 in=3 f=1 acc=f64 ") + e.rule);
    Operands operands = make_operands(problem, Fill::reals, 1);
    for (double& x : operands.first.storage.values<double>()) x = e.sum;
    operands.second.storage.values<double>()[0] = 1;
    const Plan plan = Plan::make(problem, Device::cpu(), {.engine = "cpu.reference"});
    Operand expected = operands.result.clone();
    plan.run({}, operands.first.view(), operands.second.view(), expected.view());
    ASSERT_EQ(expected.storage.values<std::int8_t>()[1], e.right);
    const Bound bound(problem, operands, plan.error_bound());
    Operand other = expected.clone();
    const auto ratio = [&](int value, double constant) {
      other.storage.values<std::int8_t>()[1] = static_cast<std::int8_t>(value);
      return bound.ratio({ErrorBound::Kind::elementwise, constant}, other, expected);
    };
    EXPECT_EQ(ratio(e.right, 0x1p-60), 0) << e.rule;
    EXPECT_GT(ratio(e.beside, 0x1p-50), 1) << e.rule;
    EXPECT_LT(ratio(e.beside, 0x1p-38), 1) << e.rule;
    EXPECT_GT(ratio(2 * e.right - e.beside, 0x1p-38), 1) << e.rule;
  }
}

// Not even by one: integer sums are exact.
TEST(Bound, IntegerSumsMustBeEqual) {
  const Reference r = run(Problem::parse("op=fwd dtype=i32 in=9 f=3"), Fill::small_integers);
  Operand wrong = r.result.clone();
  wrong.storage.values<std::int32_t>()[3] += 1;
  EXPECT_EQ(r.bound.ratio({}, r.result, r.result), 0);
  EXPECT_TRUE(std::isinf(r.bound.ratio({}, wrong, r.result)));
}

TEST(Bound, NamesTheFirstDifference) {
  const Reference r = run(Problem::parse("op=fwd dtype=i8 in=9 f=3"), Fill::small_integers);
  Operand wrong = r.result.clone();
  auto values = wrong.storage.values<std::int8_t>();
  const int right = values[3];
  values[3] = 99;
  EXPECT_EQ(first_difference(wrong, r.result),
            "element 3 is 99 and must be " + std::to_string(right));
}

TEST(Operands, AreTheSameForTheSameSeed) {
  const Problem problem = Problem::parse(real_problems[0]);
  const Operands a = make_operands(problem, Fill::reals, 5);
  const Operands b = make_operands(problem, Fill::reals, 5);
  const Operands c = make_operands(problem, Fill::reals, 6);
  EXPECT_EQ(first_difference(a.first, b.first), "");
  EXPECT_EQ(first_difference(a.second, b.second), "");
  EXPECT_NE(first_difference(a.first, c.first), "");
}

TEST(Operands, KeepThePromiseOfSeparableFilters) {
  for (const char* type : {"f32", "i16", "u8", "bf16"}) {
    const Problem problem = Problem::parse("op=fwd dtype=" + std::string(type) +
                                           " c=2 in=9x9 k=2 f=4x5 sep=1 pad=2 overflow=wrap");
    for (const Fill fill : {Fill::small_integers, Fill::reals}) {
      const Operands operands = make_operands(problem, fill, 1);
      const Tensor copy = compact_copy(operands.second.view(), f64);
      const auto w = copy.values<double>();
      for (std::size_t filter = 0; filter < 4; ++filter) {
        for (std::size_t i = 0; i < 20; ++i) {
          // All 2x2 minors with the first row and column vanish: the matrix has rank 1.
          const std::size_t row = i / 5 * 5;
          const auto at = [&](std::size_t place) { return w[filter * 20 + place]; };
          EXPECT_EQ(at(0) * at(i), at(row) * at(i % 5)) << type << " " << name(fill);
        }
      }
    }
  }
}

TEST(Operands, KeepThePromiseOfSumsOfTwoOuterProducts) {
  const Problem problem = Problem::parse("op=fwd dtype=bf16 in=9x9 f=4x5 sep=2 pad=2");
  const Operands operands = make_operands(problem, Fill::small_integers, 1);
  const Tensor copy = compact_copy(operands.second.view(), f64);
  const auto w = copy.values<double>();
  const auto at = [&](std::size_t row, std::size_t column) { return w[row * 5 + column]; };
  double largest_of_two = 0;
  for (std::size_t i = 1; i < 4; ++i) {
    for (std::size_t a = 1; a < 5; ++a) {
      const double two = at(0, 0) * at(i, a) - at(i, 0) * at(0, a);
      largest_of_two = std::max(largest_of_two, std::abs(two));
      for (std::size_t j = 1; j < 4; ++j) {
        for (std::size_t b = 1; b < 5; ++b) {  // rank 2: no minor of three rows is left
          EXPECT_EQ(at(0, 0) * (at(i, a) * at(j, b) - at(i, b) * at(j, a)) -
                        at(0, a) * (at(i, 0) * at(j, b) - at(i, b) * at(j, 0)) +
                        at(0, b) * (at(i, 0) * at(j, a) - at(i, a) * at(j, 0)),
                    0);
        }
      }
    }
  }
  EXPECT_NE(largest_of_two, 0);
}

TEST(Operands, SmallIntegersAreExactWherePossible) {
  EXPECT_TRUE(sums_are_exact(Problem::parse("op=fwd dtype=f32 c=64 in=9x9 k=2 f=3x3")));
  EXPECT_TRUE(sums_are_exact(Problem::parse("op=fwd dtype=f32 in=9 f=3 alpha=0.5 act=relu")));
  EXPECT_TRUE(sums_are_exact(Problem::parse("op=fwd dtype=i32 in=9 f=3")));
  EXPECT_FALSE(sums_are_exact(Problem::parse("op=fwd dtype=f32 in=9 f=3 alpha=0.3")));
  EXPECT_FALSE(sums_are_exact(Problem::parse("op=fwd dtype=f32 in=9 f=3 act=gelu")));
  EXPECT_FALSE(sums_are_exact(Problem::parse("op=fwd dtype=f32 in=9 f=3 boundary=constant(0.3)")));
}

TEST(Trial, TheReferenceAgreesWithItself) {
  for (const char* text : real_problems) {
    const Trial trial(Problem::parse(text), 1);
    const Verification result = trial.verify("cpu.reference", Device::cpu());
    EXPECT_EQ(result.outcome, Verification::Outcome::pass) << result.reason;
    EXPECT_EQ(result.ratio, 0);
  }
}

}  // namespace
}  // namespace faltung::tools
