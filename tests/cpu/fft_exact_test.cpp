// Integers out of transforms are those of the definition, whichever way a run takes them; and every
// way is taken.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <faltung/threads.hpp>
#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/direct_engine.hpp"
#include "cpp/cpu/fft/exact_task.hpp"
#include "cpp/cpu/fft/fft_engine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/operands.hpp"

namespace faltung::test {
namespace {

using Way = fft::ExactTask::Way;

// Serves one prepared task to run_guarded, so that what it counts can be asked for afterwards.
class Observed final : public Engine {
 public:
  /// @param forced  the way that is taken, whatever its estimate; "": the engine's choice
  explicit Observed(std::string_view forced = {}) : forced_(forced) {}
  std::string_view name() const override { return "cpu.fft"; }
  DeviceKind device_kind() const override { return DeviceKind::cpu; }
  std::vector<WayText> ways() const override { return fft_engine().ways(); }
  [[nodiscard]] const fft::ExactTask& task() const {
    return dynamic_cast<const fft::ExactTask&>(*last_);
  }

 private:
  Offer answer(const Problem& p, const Device& d, std::string_view way) const override {
    class Shared final : public Task {
     public:
      explicit Shared(std::shared_ptr<Task> task) : task_(std::move(task)) {}
      std::size_t workspace_bytes() const override { return task_->workspace_bytes(); }
      ErrorBound error_bound() const override { return task_->error_bound(); }
      std::string policy() const override { return task_->policy(); }
      void run(const RunArguments& arguments) const override { task_->run(arguments); }
      std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                     const void* w) const override {
        return task_->prepare_filter(stream, w);
      }

     private:
      std::shared_ptr<Task> task_;
    };
    Offer offer = fft_engine().offer(p, d, forced_.empty() ? way : forced_);
    offer.prepare = [this, prepare = offer.prepare] {
      last_ = prepare();
      return std::make_unique<Shared>(last_);
    };
    return offer;
  }

  std::string_view forced_;
  mutable std::shared_ptr<Task> last_;
};

class FftExact : public ::testing::Test {
 protected:
  void TearDown() override { set_threads(0); }

  // Equal to the definition with any number of threads and with a bound filter, always this way if
  // one is named.
  static void check(const Problem& problem, const Operands& operands, std::optional<Way> way,
                    std::string_view forced = {}) {
    SCOPED_TRACE(::testing::Message() << problem);
    ASSERT_TRUE(fft_engine().offer(problem, Device::cpu()));
    // Long sums of integers by cpu.direct, which cpu_integer_test holds to the reference.
    const bool large = is_integer(problem.accumulator) && problem.multiply_adds() > 3e6;
    const Array expected =
        run_guarded(cpu_device(), large ? direct_engine() : reference_engine(), problem, operands);
    for (const int count : {1, 2, 5}) {
      set_threads(count);
      for (const bool bind : {false, true}) {
        if (bind && problem.pass == Pass::backward_filter) continue;
        const Observed engine(forced);
        const Array result =
            run_guarded(cpu_device(), engine, problem, operands, {.bind_filter = bind});
        EXPECT_TRUE(same_elements(expected, result)) << count << " threads, bound: " << bind;
        EXPECT_EQ(way ? engine.task().runs(*way) : 1, 1) << count << " threads, bound: " << bind;
      }
    }
  }

  template <typename F, typename G>
  static Operands operands(const Problem& problem, F&& first, G&& second) {
    Operands result = filled_operands(problem, Fill::small_integers, test_seed());
    result.first.fill(first);
    result.second.fill(second);
    return result;
  }
};

double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

// Numbers of either sign with `bits` bits, whole.
auto integers(int bits, bool negative, std::uint64_t seed) {
  return [=, random = std::mt19937_64(seed)](const Extents&) mutable {
    const double size = std::floor(uniform(random) * std::ldexp(1.0, bits));
    return negative && random() % 2 == 0 ? -size : size;
  };
}

const char* const integer_problems[] = {
    "op=fwd dtype=i64 in=3001 f=701 pad=350",
    "op=fwd dtype=i64 n=2 c=3 in=70x61 k=4 f=23x17 pad=3 boundary=mirror",
    "op=fwd dtype=i64 c=4 in=900 k=4 f=301 g=4 stride=3 flip=1",
    "op=fwd dtype=i64 in=41x900 f=1x401 boundary=constant(-3)xreflect pad=2x200",
    "op=dgrad dtype=i64 n=2 c=2 in=600 k=3 f=201 pad=50 boundary=wrap",
    "op=dgrad dtype=i64 in=40x41 f=19x21 stride=2x1 pad=4 boundary=nearest",
    "op=wgrad dtype=i64 n=2 c=2 in=700 k=3 f=301",
    "op=wgrad dtype=i64 in=60x50 f=31x33 pad=3 boundary=reflect conj=1",
    "op=fwd dtype=i64 c=2 in=40x50 k=2 f=21x23 layout=nhwc bias=1 beta=1",
    "op=fwd dtype=i64 n=1 c=1 in=900 k=1 f=301 xstrides=1,1,2 ystrides=1,1,3 wstrides=1,1,-1",
};

TEST_F(FftExact, SmallIntegersNeedOneTransform) {
  for (const char* line : integer_problems) {
    const Problem problem = Problem::parse(line);
    check(problem, operands(problem, integers(8, true, 1), integers(8, true, 2)), Way::whole);
  }
}

TEST_F(FftExact, ConstantsAndRampsAreExact) {
  for (const char* line : integer_problems) {
    const Problem problem = Problem::parse(line);
    const auto flat = [](const Extents&) { return 200.0; };
    const auto ramp = [](const Extents& index) {
      return static_cast<double>(index[index.size() - 1]) - 300;
    };
    check(problem, operands(problem, flat, flat), Way::whole);
    check(problem, operands(problem, ramp, flat), Way::whole);
  }
}

// Long enough that even many digits are faster than sums of i64.
TEST_F(FftExact, LargeIntegersAreCutIntoDigits) {
  for (const char* line :
       {"op=signal dtype=i64 in=9000 f=4000 mode=full",
        "op=dgrad dtype=i64 n=2 c=2 in=6000 k=2 f=3001 pad=50 boundary=wrap",
        "op=wgrad dtype=i64 n=2 c=2 in=7000 k=2 f=3001 beta=1",
        "op=fwd dtype=i64 c=2 in=120x130 k=2 f=61x63 boundary=constant(-9) pad=3",
        "op=signal dtype=i32 in=9000 f=5000", "op=signal dtype=u64 in=9000 f=5000"}) {
    const Problem problem = Problem::parse(line);
    const bool negative = is_signed(problem.input);
    const int bits = static_cast<int>(8 * size_of(problem.input)) - (negative ? 1 : 0);
    // One operand large, then the other, then both.
    for (const auto& [first, second] :
         std::vector<std::pair<int, int>>{{bits, 3}, {3, bits}, {bits / 2 + 8, bits / 2 + 8}}) {
      check(problem, operands(problem, integers(first, negative, 1), integers(second, negative, 2)),
            Way::digits);
    }
  }
}

// The ends of the types: products wrap in almost every sum.
TEST_F(FftExact, TheEndsOfTheRangeWrapAlike) {
  for (const char* line :
       {"op=signal dtype=i64 in=9000 f=4000", "op=signal dtype=u64 in=9000 f=4000",
        "op=signal dtype=i32 in=9000 f=4000", "op=signal dtype=u32 in=9000 f=4000"}) {
    const Problem problem = Problem::parse(line);
    const int bits = static_cast<int>(8 * size_of(problem.input));
    const bool negative = is_signed(problem.input);
    const double low = negative ? -std::ldexp(1.0, bits - 1) : 0;
    const double high = std::nextafter(std::ldexp(1.0, negative ? bits - 1 : bits), 0);
    std::mt19937_64 random(test_seed());
    const auto ends = [&](const Extents&) { return random() % 2 == 0 ? low : std::floor(high); };
    const auto lowest = [&](const Extents&) { return negative ? low : std::floor(high); };
    // Named, because 32 bits are as fast without where transforms have no vectors.
    check(problem, operands(problem, ends, ends), Way::digits, "digits");
    check(problem, operands(problem, lowest, lowest), Way::digits, "digits");
  }
}

// Too short for digits, too large for one transform.
TEST_F(FftExact, WhatTransformsCannotServeGoesToAnotherEngine) {
  for (const char* line :
       {"op=fwd dtype=i64 in=300 f=31", "op=dgrad dtype=i64 c=2 in=20x20 k=2 f=3x3",
        "op=wgrad dtype=i64 in=20x20 f=3x3 beta=1"}) {
    const Problem problem = Problem::parse(line);
    check(problem, operands(problem, integers(60, true, 1), integers(60, true, 2)), Way::direct);
  }
  for (const char* line : integer_problems) {
    const Problem problem = Problem::parse(line);
    check(problem, operands(problem, integers(60, true, 1), integers(60, true, 2)), {});
    check(problem, operands(problem, integers(30, true, 1), integers(20, true, 2)), {});
  }
}

// Values around the size at which one transform no longer proves exact: both sides are.
TEST_F(FftExact, BothSidesOfTheSwitchAreExact) {
  const Problem problem = Problem::parse("op=signal dtype=i64 in=9000 f=5000");
  const fft::Sizes n = fft::sizes(fft::plan_blocks(problem, current_instruction_set()));
  double max = 1;
  while (fft::largest_error(problem, n, max + 1, 100) < 0.5) max += 1;
  ASSERT_GT(max, 1000);
  for (const bool above : {false, true}) {
    const auto first = [&](const Extents& index) {
      return index[index.size() - 1] % 2 == 0 ? -max : max + (above ? 1 : 0);
    };
    const auto second = [](const Extents& index) {
      return index[index.size() - 1] % 3 == 0 ? -100.0 : 100.0;
    };
    check(problem, operands(problem, first, second), above ? Way::digits : Way::whole);
  }
}

// Sums of integers may also become floating numbers, or saturate.
TEST_F(FftExact, SumsThatFitAreStoredByTheRule) {
  for (const char* types :
       {"i32:i16:i64 acc=i64", "i32:i16:f64 acc=i64", "i32:i16:i16 acc=i64 overflow=saturate"}) {
    const Problem problem = Problem::parse(message("op=fwd dtype=", types, " in=9000 f=5000"));
    check(problem, operands(problem, integers(31, true, 1), integers(15, true, 2)), Way::digits);
    check(problem, operands(problem, integers(5, true, 1), integers(5, true, 2)), Way::whole);
  }
}

const char* const rules[] = {"", "round=nearest_even", "overflow=saturate",
                             "round=nearest_even overflow=saturate"};

// Taps that halve, quarter, ...: sums are multiples of a power of two. A constant image puts every
// sum on a step of the store.
TEST_F(FftExact, DyadicWeightsAreExactOnFlatImages) {
  for (const char* rule : rules) {
    for (const char* types : {"u8:f64:u8", "u8:f32:u8 acc=f32", "i16:f64:i16", "u8:f64:i8",
                              "f64:f64:i32", "u8:f64:i64"}) {
      const Problem problem = Problem::parse(
          message("op=fwd dtype=", types, " in=41x40 f=11x9 pad=5x4 boundary=reflect ", rule));
      const auto two_taps = [](const Extents& index) {
        return index[2] == 3 && (index[3] == 4 || index[3] == 9) ? 0.5 : 0.0;
      };
      const auto eighths = [](const Extents& index) {
        return static_cast<double>((index[2] * 5 + index[3]) % 9 - 4) / 8;
      };
      for (const double value : {200.0, 1.0}) {
        const auto flat = [&](const Extents&) { return value; };
        check(problem, operands(problem, flat, two_taps), Way::multiples);
        check(problem, operands(problem, flat, eighths), Way::multiples);
      }
    }
  }
}

// Means: whole sums, divided by a number that no float holds.
TEST_F(FftExact, MeansAreExactQuotients) {
  for (const int size : {25, 81, 1521}) {
    Problem problem = Problem::parse(
        message("op=fwd dtype=u8:f64:u8 in=4000 f=", size, " pad=", size / 2, " boundary=mirror"));
    problem.epilogue.alpha = std::nextafter(1.0 / size, 2.0);
    const auto ones = [](const Extents&) { return 1.0; };
    for (const int value : {1, 199, 200, 255}) {
      const auto flat = [&](const Extents&) { return static_cast<double>(value); };
      check(problem, operands(problem, flat, ones), Way::multiples);
    }
    check(problem, operands(problem, integers(8, false, 3), ones), Way::multiples);
  }
}

// Weights that are multiples of nothing: a few sums near a step come from the definition.
TEST_F(FftExact, SumsNearAStepComeFromTheDefinition) {
  for (const char* rule : rules) {
    const Problem problem = Problem::parse(
        message("op=fwd dtype=u8:f64:u8 in=120x110 f=19x19 pad=9 boundary=reflect ", rule));
    // Ninths of whole numbers: about one sum in 361 is whole but for its rounding.
    const auto mean = [](const Extents&) { return 1.0 / 361; };
    const Operands noise = operands(problem, integers(8, false, 3), mean);
    const Array expected = run_guarded(cpu_device(), reference_engine(), problem, noise);
    for (const int count : {1, 2, 5}) {
      set_threads(count);
      const Observed engine;
      EXPECT_TRUE(same_elements(expected, run_guarded(cpu_device(), engine, problem, noise)));
      EXPECT_EQ(engine.task().runs(Way::watched), 1);
      EXPECT_TRUE(problem.rounding != Rounding::truncate || engine.task().repaired() > 20);
    }
  }
}

// An image of few colours: too many sums near a step, seen at once or on the way. The engine beside
// it sums in another order, so that a result may be off by one where a sum is whole but for its
// rounding, and nowhere else.
TEST_F(FftExact, FlatImagesWithOtherWeightsGoToAnotherEngine) {
  const Problem problem =
      Problem::parse("op=fwd dtype=u8:f64:u8 in=200x190 f=19x19 pad=9 boundary=reflect");
  const auto mean = [](const Extents&) { return 1.0 / 361; };
  for (const bool half : {false, true}) {
    // Only a corner is flat: the samples miss it.
    auto image = [half, random = std::mt19937_64(1)](const Extents& index) mutable {
      const bool flat = !half || (index[2] < 60 && index[3] < 50);
      return flat ? 200.0 : std::floor(256 * uniform(random));
    };
    const Operands data = operands(problem, image, mean);
    const Array expected = run_guarded(cpu_device(), reference_engine(), problem, data);
    const Observed engine;
    const Array result = run_guarded(cpu_device(), engine, problem, data);
    EXPECT_EQ(engine.task().runs(Way::direct), 1) << half;
    for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
      EXPECT_LE(std::abs(result.get(index) - expected.get(index)), 1) << index;
    });
  }
}

TEST_F(FftExact, NonFiniteAndHugeValuesGoToAnotherEngine) {
  for (const double value : {std::nan(""), std::numeric_limits<double>::infinity(), 1e300, -1e30}) {
    const Problem problem = Problem::parse("op=fwd dtype=f64:f64:i32 in=900 f=301");
    auto data = operands(problem, integers(8, true, 1), integers(3, true, 2));
    data.first.set({0, 0, 450}, value);
    check(problem, data, Way::direct);
  }
}

TEST_F(FftExact, TinyProductsKeepTheirSum) {
  const Problem problem =
      Problem::parse("op=fwd dtype=f64:f64:i32 in=900 f=301 round=nearest_even");
  const auto tiny = [](const Extents& index) { return index[2] % 3 == 0 ? 0x1p-900 : 0; };
  const auto huge = [](const Extents&) { return 0x1p900; };
  check(problem, operands(problem, tiny, huge), Way::multiples);
}

TEST_F(FftExact, StatesAnElementwiseBound) {
  const auto bound = [](const char* line) {
    return fft_engine().offer(Problem::parse(line), Device::cpu()).prepare()->error_bound();
  };
  EXPECT_EQ(bound("op=fwd dtype=u8:f64:u8 in=900 f=301").kind, ErrorBound::Kind::elementwise);
  EXPECT_EQ(bound("op=fwd dtype=i64 in=900 f=301").kind, ErrorBound::Kind::exact);
  EXPECT_EQ(bound("op=fwd dtype=f64 in=900 f=301").kind, ErrorBound::Kind::normwise);
}

// What is not watched: gradients, and sums added to what a first try would overwrite. A bias is
// converted to the type of the sums.
TEST_F(FftExact, SumsThatAreNotWatchedAreMultiplesOrGoToAnotherEngine) {
  for (const char* line :
       {"op=fwd dtype=u8:f64:u8 in=900 f=301 beta=1",
        "op=dgrad dtype=u8:f64:f64 in=900 f=301 boundary=mirror pad=99",
        "op=dgrad dtype=i16:f32:f32 acc=f32 n=2 c=2 in=50x60 k=3 f=21x20 beta=-0.5 bias=1",
        "op=wgrad dtype=f64:i32:f64 n=2 c=2 in=900 k=2 f=301 beta=2 overflow=saturate",
        "op=wgrad dtype=f64:u8:f64 in=60x50 f=31x22 round=nearest_even conj=1"}) {
    const Problem problem = Problem::parse(line);
    const auto eighths = [](const Extents& index) {
      return static_cast<double>((index[2] * 5 + index[0]) % 9 - 4) / 8;
    };
    check(problem, operands(problem, integers(3, false, 1), eighths), Way::multiples);
    auto sevenths = [random = integers(8, false, 2)](const Extents& index) mutable {
      return random(index) / 7;
    };
    Operands data = operands(problem, sevenths, sevenths);
    const Observed engine;
    (void)run_guarded(cpu_device(), engine, problem, data);
    EXPECT_EQ(engine.task().runs(Way::direct), 1) << problem;
  }
  const Problem biased =
      Problem::parse("op=fwd dtype=u8:f32:u8 c=2 in=900 k=3 f=301 acc=f32 bias=1");
  const auto halves = [](const Extents& index) { return index[2] % 50 == 7 ? 0.5 : 0.0; };
  check(biased, operands(biased, integers(8, false, 1), halves), Way::multiples);
}

}  // namespace
}  // namespace faltung::test
