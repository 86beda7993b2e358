// Data of many orders of magnitude: every output of transforms that watch the range keeps its own
// accuracy, and ordinary data has next to none that are summed anew.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include <faltung/data_range.hpp>
#include <faltung/plan.hpp>
#include <faltung/signal.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/message.hpp"
#include "cpp/cpu/fft/fft_engine.hpp"
#include "cpp/cpu/fft/fft_task.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"

namespace faltung::test {
namespace {

// Of what the bound allows, that of transforms that watch the range or of those that do not.
double ratio_of(const Problem& p, const Operands& operands, std::string_view way = "watched") {
  const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
  const Array result = run_guarded(cpu_device(), fft_engine(), p, operands, {.way = way});
  const auto bound = fft_engine().offer(p, Device::cpu(), "watched").prepare()->error_bound();
  EXPECT_EQ(bound.kind, ErrorBound::Kind::elementwise);
  return error_ratio(p, operands, expected, result, bound);
}

// With one thread and several, and with the filter bound: the same bits.
void check(const Problem& p, const Operands& operands) {
  SCOPED_TRACE(message(p));
  EXPECT_LE(ratio_of(p, operands), 1);
  const Array result = run_guarded(cpu_device(), fft_engine(), p, operands, {.way = "watched"});
  for (const int threads : {1, 4}) {
    set_threads(threads);
    for (const bool bound : {false, true}) {
      EXPECT_TRUE(same_elements(run_guarded(cpu_device(), fft_engine(), p, operands,
                                            {.bind_filter = bound, .way = "watched"}),
                                result));
    }
  }
  set_threads(0);
}

TEST(FftRange, SmallResultsBesideLargeOnes) {
  for (const char* line : {"op=signal dtype=f32 in=20000 f=300 mode=same",
                           "op=signal dtype=f64 in=20000 f=300 mode=same",
                           "op=signal dtype=c64 in=5000 f=120 mode=full",
                           "op=filter dtype=f32 in=120x130 f=15x17 boundary=mirror",
                           "op=fwd dtype=f64 n=2 c=3 in=200 k=2 f=31 pad=15 stride=2"}) {
    const Problem p = Problem::parse(line);
    Operands operands = filled_operands(p, Fill::reals, test_seed());
    // Samples of 1e10 in one of seven stretches.
    const std::int64_t stretch = p.axes.back().input / 7;
    std::int64_t large = 0;
    operands.first.fill([&](const Extents& i) {
      const bool is_large = i[i.size() - 1] / stretch == 3;
      large += is_large ? 1 : 0;
      return operands.first.get(i) * (is_large ? 1e10 : 1.0);
    });
    EXPECT_GT(large, 0);
    check(p, operands);
    EXPECT_GT(ratio_of(p, operands, "transforms"), 1) << "nothing was lost without";
  }
}

TEST(FftRange, Ramps) {
  const Problem p = Problem::parse("op=signal dtype=f64 in=30 f=30 mode=full");
  Operands operands = zero_operands(p);
  const auto ramp = [](const Extents& i) {
    return std::pow(10.0, 9.0 * static_cast<double>(i[i.size() - 1]) - 130);
  };
  operands.first.fill(ramp);
  operands.second.fill(ramp);
  check(p, operands);
  EXPECT_GT(ratio_of(p, operands, "transforms"), 1e6);
}

TEST(FftRange, RandomRanges) {
  std::mt19937_64 rng(test_seed());
  const auto between = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(high - low + 1));
  };
  const auto any = [&](auto... words) {
    const std::string all[] = {words...};
    return all[rng() % sizeof...(words)];
  };
  for (int trial = 0; trial < 300; ++trial) {
    const bool plane = trial % 3 == 0;
    const std::int64_t groups = between(1, 2);
    std::string line = message("op=fwd dtype=", any("f32", "f64", "c64", "c128", "f16", "bf16"),
                               " n=", between(1, 2), " g=", groups, " c=", groups * between(1, 2),
                               " k=", groups * between(1, 2));
    line += plane ? message(" in=", between(5, 30), 'x', between(5, 40), " f=", between(1, 5), 'x',
                            between(2, 9))
                  : message(" in=", between(20, 900), " f=", between(2, 20));
    line += message(" pad=", between(0, 9), " stride=", between(1, 2), " dil=", between(1, 2),
                    " flip=", between(0, 1), " layout=", any("nchw", "nhwc"),
                    " boundary=", any("zero", "wrap", "nearest", "reflect", "constant(3)"));
    const Problem p = Problem::parse(line);
    if (element_count(p.y_shape()) == 0 || !fft_engine().offer(p, Device::cpu(), "watched"))
      continue;
    Operands operands =
        filled_operands(p, Fill::reals, test_seed() + static_cast<std::uint64_t>(trial));
    const bool narrow = p.input == DType::f16;
    const double spread = static_cast<double>(between(0, narrow ? 6 : 30));
    const auto widen = [&](Array& array) {
      const std::int64_t run = between(1, 40);
      double scale = 1;
      std::int64_t at = 0;
      array.fill([&](const Extents& i) {
        if (at++ % run == 0)
          scale = std::exp2(spread * (static_cast<double>(rng() % 1000) / 500 - 1));
        return rng() % 9 == 0 ? 0 : array.get(i) * scale;
      });
    };
    widen(operands.first);
    if (trial % 2 == 0) widen(operands.second);
    SCOPED_TRACE(line);
    ASSERT_LE(ratio_of(p, operands), 1);
  }
}

// Numbers that leave the range of the type on their way through a transform, though no result does.
TEST(FftRange, Overflow) {
  for (const char* line :
       {"op=signal dtype=f32 in=4000 f=64 mode=same", "op=fwd dtype=f32 n=1 c=2 in=900 k=2 f=40"}) {
    const Problem p = Problem::parse(line);
    Operands operands = filled_operands(p, Fill::reals, test_seed());
    operands.first.fill([&](const Extents& i) { return operands.first.get(i) * 3e38; });
    operands.second.fill([&](const Extents& i) { return operands.second.get(i) * 1e-3; });
    check(p, operands);
  }
}

TEST(FftRange, NonFiniteDataStaysWhereItIs) {
  const Problem p = Problem::parse("op=signal dtype=f32 in=3000 f=100 mode=same");
  Operands operands = filled_operands(p, Fill::reals, test_seed());
  operands.first.set({0, 0, 100}, std::numeric_limits<double>::quiet_NaN());
  operands.first.set({0, 0, 1700}, std::numeric_limits<double>::infinity());
  operands.first.set({0, 0, 2500}, 1e12);
  const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
  const Array result = run_guarded(cpu_device(), fft_engine(), p, operands, {.way = "watched"});
  for (std::int64_t i = 0; i < 3000; ++i) {
    const double right = expected.get({0, 0, i}).real(), here = result.get({0, 0, i}).real();
    if (std::isfinite(right)) {
      EXPECT_LE(std::abs(here - right), 1e-3 * std::max(1.0, std::abs(right))) << i;
    } else {
      EXPECT_EQ(std::isnan(right), std::isnan(here)) << i;
      EXPECT_EQ(std::signbit(right) && std::isinf(right), std::signbit(here) && std::isinf(here))
          << i;
    }
  }
}

// How many of a million results are summed anew.
double recomputed(const Problem& p, const Operands& operands) {
  const fft::BlockPlan blocks = fft::plan_blocks(p, current_instruction_set());
  using FftTask = fft::FftTask<float, float>;
  const FftTask task(p, blocks, {}, FftTask::Range::watched);
  std::vector<std::byte> memory(task.workspace_bytes() + 256);
  void* workspace = memory.data();
  std::size_t space = memory.size();
  workspace = std::align(256, task.workspace_bytes(), workspace, space);
  Array result = operands.before;
  task.run({.stream = {},
            .first = operands.first.bytes().data(),
            .second = operands.second.bytes().data(),
            .result = result.bytes().data(),
            .bias = nullptr,
            .prepared = nullptr,
            .workspace = static_cast<std::byte*>(workspace)});
  return 1e6 * static_cast<double>(task.recomputed()) /
         static_cast<double>(element_count(p.y_shape()));
}

TEST(FftRange, OrdinaryDataIsHardlySummedAnew) {
  for (const char* line : {"op=signal dtype=f32 in=200000 f=1000 mode=same",
                           "op=filter dtype=f32 in=300x300 f=21x21 boundary=reflect"}) {
    const Problem p = Problem::parse(line);
    Operands operands = filled_operands(p, Fill::reals, test_seed());
    EXPECT_LT(recomputed(p, operands), 100) << p;
    // Zeros are recognised after three sums of a row: half of the image is dark.
    operands.first.fill([&](const Extents& i) {
      return i[i.size() - 1] < p.axes.back().input / 2 ? 0 : operands.first.get(i);
    });
    EXPECT_LE(recomputed(p, operands), 3e6 / 300) << p;
  }
}

TEST(FftRange, IsWhatAccuracyAsksFor) {
  const Problem p = Problem::parse("op=signal dtype=f32 in=100000 f=3000 mode=same");
  const Plan ordinary = Plan::make(p);
  const Plan careful = Plan::make(p, Device::cpu(), {.accuracy = Accuracy::elementwise});
  EXPECT_EQ(ordinary.way(), "transforms");
  EXPECT_EQ(careful.engine() + '/' + careful.way(), "cpu.fft/watched");
  EXPECT_FALSE(ordinary.facts().watches_range);
  EXPECT_TRUE(careful.facts().watches_range);
  EXPECT_NE(careful.explain().find("small beside their data"), std::string::npos);
  EXPECT_EQ(careful.error_bound().kind, ErrorBound::Kind::elementwise);
  // Gradients are summed directly, and so is everything where that is asked for.
  const Problem gradient = Problem::parse("op=wgrad dtype=f32 n=1 c=1 in=3000 k=1 f=500");
  EXPECT_EQ(
      Plan::make(gradient, Device::cpu(), {.accuracy = Accuracy::elementwise}).error_bound().kind,
      ErrorBound::Kind::elementwise);
  EXPECT_NE(Plan::make(p, Device::cpu(), {.elementwise = true, .accuracy = Accuracy::elementwise})
                .engine(),
            "cpu.fft");
}

TEST(FftRange, DataSayWhatTheyMean) {
  const Problem p = Problem::parse("op=signal dtype=f64 in=4 f=2 mode=full");
  const Tensor x = Tensor::from<double>({1e20, 0, -2, 1}).reshaped({1, 1, 4});
  const Tensor w = Tensor::from<double>({3, 4}).reshaped({1, 1, 2});
  const Plan plan = Plan::make(p, Device::cpu(), {.engine = "cpu.fft/transforms"});
  const DataRange range = data_range(plan, x, w);
  EXPECT_EQ(range.smallest, 1);
  EXPECT_EQ(range.largest, 1e20);
  EXPECT_NEAR(range.error, plan.error_bound().constant * 5e20, 1e5);
  EXPECT_DOUBLE_EQ(range.ratio, range.error / 4);
  EXPECT_NE(to_string(range).find("elementwise"), std::string::npos);
  const Plan direct = Plan::make(p, Device::cpu(), {.engine = "cpu.direct"});
  EXPECT_EQ(data_range(direct, x, w).ratio, direct.error_bound().constant);
  EXPECT_EQ(data_range(Plan::make(Problem::parse("op=signal dtype=i32 in=4 f=2")),
                       Tensor(DType::i32, {1, 1, 4}), Tensor(DType::i32, {1, 1, 2}))
                .ratio,
            0);
}

}  // namespace
}  // namespace faltung::test
