// math=reproducible: the bits that docs/reproducible.md promises, however a problem is run.

#include <gtest/gtest.h>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <faltung/signal.hpp>
#include <faltung/threads.hpp>
#include <limits>
#include <random>

#include "tests/support/ordered_sum.hpp"
#include "tests/support/refusal.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/simd/cpu_target.hpp"
#endif

namespace faltung::test {
namespace {

std::vector<std::string> targets() {
#ifdef FALTUNG_HAVE_HIGHWAY
  return cpu_targets();
#else
  return {""};
#endif
}

void set_target(const std::string& target) {
#ifdef FALTUNG_HAVE_HIGHWAY
  set_cpu_target(target);
#else
  (void)target;
#endif
}

template <typename View>
View view_of(const auto& array) {
  return {.data = const_cast<std::byte*>(array.bytes().data()) + array.origin(),
          .dtype = array.dtype(),
          .shape = array.shape(),
          .strides = array.strides(),
          .device = Device::cpu()};
}

Array run(const Plan& plan, const Operands& operands) {
  Array result = operands.before;
  plan.run(
      view_of<ConstTensorView>(operands.first), view_of<ConstTensorView>(operands.second),
      view_of<TensorView>(result), {},
      plan.problem().epilogue.bias ? view_of<ConstTensorView>(operands.bias) : ConstTensorView{});
  return result;
}

class Reproducible : public ::testing::Test {
 protected:
  void TearDown() override {
    set_threads(0);
    set_target("");
  }
  // Every instruction set, and every way that takes the problem there.
  static int expect_everywhere(const Problem& p, const Operands& operands) {
    const Array expected = ordered_sum(p, operands);
    int ways = 0;
    for (const std::string& target : targets()) {
      set_target(target);
      EXPECT_TRUE(
          same_bits(expected, run(Plan::make(p, Device::cpu(), {.reproducible = true}), operands)))
          << target << " [" << p << ']';
      for (const std::string& way : engine_ways()) {
        if (!way.starts_with("cpu.")) continue;
        try {
          const Plan plan = Plan::make(p, Device::cpu(), {.engine = way, .reproducible = true});
          ++ways;
          EXPECT_TRUE(same_bits(expected, run(plan, operands)))
              << target << ' ' << way << " [" << p << ']';
        } catch (const NoEngine&) {
        }
      }
    }
    return ways;
  }
};

TEST_F(Reproducible, KeepsTheOrderInEveryWayAndInstructionSet) {
  for (const char* line : ordered_problems) {
    const Problem p = Problem::parse(line);
    const int ways = expect_everywhere(p, filled_operands(p, Fill::reals, test_seed()));
    EXPECT_GE(ways, static_cast<int>(targets().size())) << line;
  }
}

// Products below the smallest number leave zeros of either sign in some orders.
TEST_F(Reproducible, HasNoNegativeZeros) {
  for (const char* line : ordered_problems) {
    Problem p = Problem::parse(line);
    if (p.input != p.accumulator || p.epilogue != Epilogue{}) continue;
    Operands operands = filled_operands(p, Fill::small_integers, test_seed());
    const double tiny = p.accumulator == DType::f32 ? 0x1p-100 : 0x1p-800;
    for (Array* array : {&operands.first, &operands.second}) {
      for_each_index(array->shape(), [&](std::int64_t, const Extents& at) {
        array->set(at, tiny * array->get(at));
      });
    }
    expect_everywhere(p, operands);
  }
}

// Infinite taps make kernels leave the result to another way, which keeps the order, too.
TEST_F(Reproducible, KeepsTheOrderBesideInfinity) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const char* line : ordered_problems) {
    const Problem p = Problem::parse(line);
    if (is_integer(p.output)) continue;
    Operands operands = filled_operands(p, Fill::reals, test_seed());
    operands.second.set(Extents::filled(operands.second.shape().size(), 0), infinity);
    if (!is_integer(p.input)) {
      Extents last;
      for (const std::int64_t extent : operands.first.shape()) last.push_back(extent - 1);
      operands.first.set(last, std::numeric_limits<double>::quiet_NaN());
    }
    expect_everywhere(p, operands);
  }
}

// Large enough that several threads are woken.
TEST_F(Reproducible, HasTheSameBitsWithAnyNumberOfThreads) {
  for (const char* line :
       {"op=fwd dtype=f32 n=3 in=60000 f=65", "op=fwd dtype=f32 c=2 in=300x500 k=2 f=5x5 pad=2",
        "op=fwd dtype=f64 c=3 in=150x130 k=3 f=31x31", "op=fwd dtype=f32 c=96 in=28x28 k=64 f=3x3",
        "op=fwd dtype=f32 n=2 c=64 in=56x56 k=64 f=5x5 g=64 layout=nhwc"}) {
    const Problem p = Problem::parse(line);
    const Operands operands = filled_operands(p, Fill::reals, test_seed());
    set_threads(1);
    const Array expected = run(Plan::make(p, Device::cpu(), {.reproducible = true}), operands);
    for (const std::string& target : targets()) {
      if (target == "scalar" || target == "sse4") continue;  // slow
      set_target(target);
      for (const int count : {1, 2, 3, 16}) {
        set_threads(count);
        const Plan plan = Plan::make(p, Device::cpu(), {.reproducible = true});
        EXPECT_TRUE(same_bits(expected, run(plan, operands))) << target << ' ' << count << ' ' << p;
        EXPECT_TRUE(plan.facts().reproducible);
      }
    }
  }
}

TEST_F(Reproducible, HasTheSameBitsForAnyBatch) {
  for (const char* line :
       {"op=fwd dtype=f32 n=37 c=16 in=14x14 k=40 f=3x3 pad=1", "op=fwd dtype=f64 n=50 in=900 f=21",
        "op=fwd dtype=f32 n=30 in=20x30 f=5x5 boundary=reflect pad=2",
        "op=fwd dtype=f16 n=9 c=20 in=9x9 k=36 f=5x5 layout=nhwc"}) {
    const Problem p = Problem::parse(line);
    const Operands operands = filled_operands(p, Fill::reals, test_seed());
    const Plan plan = Plan::make(p, Device::cpu(), {.reproducible = true});
    const Array all = run(plan, operands);
    for (const std::int64_t images : {1, 2, 5}) {
      Problem part = p;
      part.batch = images;
      const std::int64_t first = p.batch - images;
      Operands some = zero_operands(part);
      some.second = operands.second;
      for_each_index(some.first.shape(), [&](std::int64_t, Extents at) {
        Extents from = at;
        from[0] += first;
        some.first.set(at, operands.first.get(from));
      });
      const Array result = run(plan.with_batch(images), some);
      Array expected(part.output, part.y_shape());
      expected.fill([&](Extents at) {
        at[0] += first;
        return all.get(at);
      });
      EXPECT_TRUE(same_bits(expected, result)) << images << " of " << p;
    }
  }
}

// Columns that lie side by side would make others exchange the axes.
TEST_F(Reproducible, HasTheSameBitsForAnyStrides) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=2 c=2 in=30x40 k=3 f=7x5 pad=2");
  const Operands operands = filled_operands(p, Fill::reals, test_seed());
  const Array expected = run(Plan::make(p, Device::cpu(), {.reproducible = true}), operands);
  const auto copied = [](const Array& from, const Strides& strides) {
    return Array(from.dtype(), from.shape(), strides).fill([&](const Extents& at) {
      return from.get(at);
    });
  };
  struct Layouts {
    Strides x, w, y;
  };
  for (const Layouts& layouts : {Layouts{{2400, 1200, 1, 30}, {70, 35, 1, 7}, {3600, 1200, 1, 30}},
                                 Layouts{{2400, 1200, -40, 1}, {}, {9000, 3000, 80, 2}},
                                 Layouts{{4800, 2400, 80, 2}, {1, 3, 30, 6}, {}}}) {
    Problem q = p;
    q.x_strides = layouts.x;
    q.w_strides = layouts.w;
    q.y_strides = layouts.y;
    Operands strided = zero_operands(q);
    strided.first = copied(operands.first, q.x_strides);
    strided.second = copied(operands.second, q.w_strides);
    const Plan plan = Plan::make(q, Device::cpu(), {.reproducible = true});
    EXPECT_TRUE(same_bits(expected, run(plan, strided))) << q;
  }
}

TEST_F(Reproducible, IsAWordOfTheNotation) {
  const Problem p = Problem::parse("op=fwd dtype=f32 in=100 f=9 math=reproducible");
  EXPECT_EQ(p.math, Math::reproducible);
  EXPECT_NE(to_string(p).find("math=reproducible"), std::string::npos);
  const Plan plan = Plan::make(p);
  EXPECT_TRUE(plan.facts().reproducible);
  EXPECT_NE(plan.explain().find("the same bits everywhere"), std::string::npos) << plan.explain();
  Problem strict = p;
  strict.math = Math::strict;
  EXPECT_FALSE(Plan::make(strict).facts().reproducible);
  const Plan by_option = Plan::make(strict, Device::cpu(), {.reproducible = true});
  EXPECT_EQ(by_option.problem(), strict);
  EXPECT_EQ(by_option.explain(), plan.explain());
  EXPECT_TRUE(by_option.with_batch(3).facts().reproducible);
}

void expect_no_engine(const Problem& p, const char* why, const char* engine = "") {
  SCOPED_TRACE(::testing::Message() << p);
  try {
    (void)Plan::make(p, Device::cpu(), {.engine = engine, .reproducible = true});
    ADD_FAILURE() << "is planned";
  } catch (const NoEngine& error) {
    EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
  }
}

TEST_F(Reproducible, PassesOverWhatSumsInAnotherOrder) {
  const Problem p = Problem::parse("op=fwd dtype=f32 in=100000 f=4000");
  EXPECT_EQ(Plan::make(p).engine(), "cpu.fft");
  EXPECT_EQ(Plan::make(p, Device::cpu(), {.reproducible = true}).engine(), "cpu.direct");
  expect_no_engine(p, "math=reproducible", "fft");
}

TEST_F(Reproducible, LeavesIntegersAsTheyAre) {
  const Problem p = Problem::parse("op=fwd dtype=i32 in=30000 f=3000");
  const Plan plan = Plan::make(p, Device::cpu(), {.reproducible = true});
  EXPECT_EQ(plan.engine(), Plan::make(p).engine());
  EXPECT_TRUE(plan.facts().reproducible);
}

TEST_F(Reproducible, RefusesWhatHasNoSuchOrder) {
  const auto refused = [](const char* line, const char* why) {
    expect_no_engine(Problem::parse(line), why);
  };
  refused("op=fwd dtype=c64 in=9 f=3", "real sums and integers");
  refused("op=wgrad dtype=f32 in=9 f=3", "sums over the batch");
  refused("op=fwd dtype=f32 in=9 f=3 act=gelu", "gelu and silu");
  refused("op=fwd dtype=f32 in=9 f=3 alpha=0.3", "alpha is 0.3");
  refused("op=dgrad dtype=f32 in=9 f=3 pad=1 boundary=wrap", "data gradients");
  EXPECT_REFUSED(Plan::make(Problem::parse("op=fwd dtype=f32 in=9 f=3"), Device::cpu(),
                            {.reproducible = true, .flush_subnormals = true}),
                 "flush_subnormals");
}

TEST_F(Reproducible, IsAnOptionOfEveryCall) {
  std::vector<float> values(5000), taps(700);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> draw(-1, 1);
  for (float& value : values) value = draw(random);
  for (float& value : taps) value = draw(random);
  const Tensor x = Tensor::from(values), k = Tensor::from(taps);
  const auto bits = [&](const Execution& run) {
    return signal::convolve(x, k, {.mode = signal::Mode::same, .run = run});
  };
  const Tensor expected = bits({.engine = "cpu.direct/stencil", .reproducible = true});
  const Tensor result = bits({.reproducible = true});
  EXPECT_TRUE(std::ranges::equal(expected.values<float>(), result.values<float>()));
  EXPECT_FALSE(std::ranges::equal(expected.values<float>(), bits({}).values<float>()));
}

}  // namespace
}  // namespace faltung::test
