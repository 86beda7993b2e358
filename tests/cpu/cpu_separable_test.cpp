// The separable path of cpu.direct: filters that are outer products, and those that are not.

#include "cpp/cpu/direct/separable/separable_task.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <faltung/threads.hpp>
#include "cpp/cpu/direct/direct_engine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"

namespace faltung::test {
namespace {

// The separable way, whatever would be faster.
Offer offer(const Problem& p) { return direct_engine().offer(p, Device::cpu(), "separable"); }

// More blocks and threads than the file's problems have.
constexpr const char* large[] = {
    "op=filter dtype=f32 in=103x1101 f=5x3 boundary=wrap sep=1",
    "op=filter dtype=f64 in=31x35x77 f=3x3x3 boundary=mirror sep=1",
    "op=filter dtype=f32 in=23x75x140 f=3x4x1 boundary=nearest sep=1",
};

std::vector<Problem> all_problems() {
  std::vector<Problem> problems;
  for (const std::string& line : problem_lines("tests/problems/separable.txt")) {
    problems.push_back(Problem::parse(line));
  }
  for (const char* line : large) problems.push_back(Problem::parse(line));
  return problems;
}

class CpuSeparable : public ::testing::Test {
 protected:
  void TearDown() override {
    set_threads(0);
    set_cpu_target("");
  }
  [[nodiscard]] Array run(const Problem& p, const Operands& operands,
                          const RunOptions& options = {}) const {
    RunOptions separable = options;
    separable.way = "separable";
    return run_guarded(cpu_device(), direct_engine(), p, operands, separable);
  }
  [[nodiscard]] static Array expected(const Problem& p, const Operands& operands) {
    return run_guarded(cpu_device(), reference_engine(), p, operands);
  }
  [[nodiscard]] double ratio(const Problem& p, const Operands& operands, const Array& reference,
                             const Array& result) const {
    return error_ratio(p, operands, reference, result, offer(p).prepare()->error_bound());
  }
};

TEST_F(CpuSeparable, AgreesWithTheReferenceOnEveryInstructionSet) {
  constexpr double max_products = 1e6;  // for reals, whose magnitudes are summed as well
  std::size_t served = 0;
  for (const Problem& p : all_problems()) {
    if (!offer(p)) continue;
    ++served;
    SCOPED_TRACE(to_string(p));
    const Operands integers = filled_operands(p, Fill::small_integers, test_seed());
    const Operands reals = filled_operands(p, Fill::reals, test_seed());
    const Array exact = expected(p, integers);
    const bool small = p.multiply_adds() < max_products;
    const Array reference = small ? expected(p, reals) : Array();
    for (const std::string& target : cpu_targets()) {
      set_cpu_target(target);
      EXPECT_TRUE(equal_elements(exact, run(p, integers))) << target;
      if (!small) continue;
      EXPECT_LE(ratio(p, reals, reference, run(p, reals)), 1) << target;
    }
    set_cpu_target("");
  }
  EXPECT_GE(served, 50u);
}

TEST_F(CpuSeparable, ThreadsMemoryAndBoundFiltersChangeNoBit) {
  for (const Problem& p : all_problems()) {
    if (!offer(p)) continue;
    SCOPED_TRACE(to_string(p));
    const Operands operands = filled_operands(p, Fill::reals, test_seed());
    set_threads(1);
    const Array one = run(p, operands);
    EXPECT_TRUE(same_elements(one, run(p, operands, {.poison = std::byte{0x5a}})));
    EXPECT_TRUE(same_elements(one, run(p, operands, {.bind_filter = true})));
    set_threads(4);
    EXPECT_TRUE(same_elements(one, run(p, operands)));
  }
}

// Of 8 MiB and more; some rows start within vectors.
TEST_F(CpuSeparable, ResultsStoredPastTheCachesAreComplete) {
  const Problem p = Problem::parse("op=fwd dtype=f64 n=1 c=1 in=1025x1032 k=1 f=2x2 sep=1");
  const Operands operands = filled_operands(p, Fill::small_integers, test_seed());
  const Array exact = expected(p, operands);
  for (const std::string& target : cpu_targets()) {
    set_cpu_target(target);
    EXPECT_TRUE(equal_elements(exact, run(p, operands))) << target;
  }
  set_cpu_target("");
  EXPECT_TRUE(equal_elements(exact, run_guarded(cpu_device(), direct_engine(), p, operands)));
}

TEST_F(CpuSeparable, LargeProblemsUseSeveralThreads) {
  set_threads(4);
  for (const char* line : large) {
    EXPECT_GT(offer(Problem::parse(line)).prepare()->facts().threads, 1) << line;
  }
}

TEST_F(CpuSeparable, NonFiniteValuesStayWhereTheDefinitionHasThem) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  for (const char* line : {"op=filter dtype=f32 in=21x40 f=5x7 boundary=reflect sep=1",
                           "op=fwd dtype=f64 n=1 c=1 in=9x11x20 k=1 f=3x4x5 pad=2 sep=1"}) {
    const Problem p = Problem::parse(line);
    for (const bool in_filter : {false, true}) {
      Operands operands = filled_operands(p, Fill::reals, test_seed());
      Array& array = in_filter ? operands.second : operands.first;
      array.set(Extents::filled(array.shape().size(), 0), nan);
      Extents middle;
      for (const std::int64_t extent : array.shape()) middle.push_back(extent / 2);
      array.set(middle, infinity);
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

// The definition's products stay finite; the sums along the first axes must as well.
TEST_F(CpuSeparable, NoSumOverflowsOnTheWay) {
  const Problem p = Problem::parse("op=filter dtype=f32 in=9x40 f=5x7 boundary=nearest sep=1");
  Operands operands = zero_operands(p);
  operands.first.fill([](const Extents&) { return 0x1p127; });
  operands.second.fill([](const Extents&) { return 1.0 / 64; });
  const Array result = run(p, operands);
  for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
    EXPECT_EQ(result.get(index), 35 * 0x1p121);
  });
}

// A promise that does not hold costs time, not numbers.
TEST_F(CpuSeparable, FiltersThatAreNoProductsAreSummedByTheDefinition) {
  for (const char* line :
       {"op=filter dtype=f32 in=21x40 f=5x7 boundary=reflect sep=1",
        "op=filter dtype=f64 in=9x11x20 f=3x4x5 boundary=wrap sep=1",
        "op=fwd dtype=u8:i8:i32 n=1 c=1 in=20x30 k=1 f=3x4 pad=1 sep=1",
        "op=fwd dtype=f32 n=2 c=3 in=12x20 k=6 f=3x5 pad=1x2 g=3 flip=1 sep=1"}) {
    const Problem p = Problem::parse(line);
    SCOPED_TRACE(line);
    Operands operands = filled_operands(p, Fill::small_integers, test_seed());
    Extents last;
    for (const std::int64_t extent : operands.second.shape()) last.push_back(extent - 1);
    operands.second.set(last, operands.second.get(last) + 1.0);
    const Array reference = expected(p, operands);
    EXPECT_TRUE(equal_elements(reference, run(p, operands)));
    EXPECT_TRUE(equal_elements(reference, run(p, operands, {.bind_filter = true})));
  }
}

std::vector<float> multiplied(const std::vector<float>& lines, std::array<std::int64_t, 3> n) {
  std::vector<float> taps;
  for (std::int64_t z = 0; z < n[0]; ++z) {
    for (std::int64_t y = 0; y < n[1]; ++y) {
      for (std::int64_t x = 0; x < n[2]; ++x) {
        taps.push_back(lines[z] * lines[n[0] + y] * lines[n[0] + n[1] + x]);
      }
    }
  }
  return taps;
}

TEST(SeparableFactors, MultiplyOutToTheTapsAndStaySmallOnTheWay) {
  const std::array<std::int64_t, 3> extents = {3, 2, 4};
  const std::vector<float> taps =
      multiplied({3, -7, 14, 5, 10, 6, 0, 9, -21}, extents);  // multiples of 5 and of 3
  for (const std::size_t carrier : {0u, 1u}) {
    std::vector<double> scratch(9);
    std::vector<float> lines(9);
    ASSERT_TRUE(direct::find_factors(taps.data(), extents, carrier, 14 * 0x1p-24, scratch.data(),
                                     lines.data()));
    EXPECT_EQ(multiplied(lines, extents), taps);  // exactly
    std::size_t at = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      double sum = 0;
      for (std::int64_t i = 0; i < extents[axis]; ++i) sum += std::abs(lines[at++]);
      EXPECT_TRUE(axis == carrier || sum <= 0.5) << sum;
    }
  }
}

TEST(SeparableFactors, RefuseWhatIsNoProduct) {
  const std::array<std::int64_t, 3> extents = {1, 2, 2};
  const auto found = [&](std::vector<float> taps) {
    double scratch[5];
    float lines[5];
    return direct::find_factors(taps.data(), extents, 1, 10 * 0x1p-24, scratch, lines);
  };
  EXPECT_TRUE(found({9, 21, 21, 49}));
  EXPECT_TRUE(found({0, 0, 0, 0}));
  EXPECT_FALSE(found({9, 21, 21, 50}));
  EXPECT_FALSE(found({1, 0, 0, 1}));
  EXPECT_FALSE(found({1, 1, 1, std::nanf("")}));
  EXPECT_FALSE(found({1, 1, 1, 1 + 0x1p-18f}));
}

TEST(SeparableFactors, OfIntegersAreExact) {
  const std::array<std::int64_t, 3> extents = {1, 2, 2};
  const auto found = [&](std::vector<std::int32_t> taps, std::uint32_t* lines) {
    std::int64_t scratch[5];
    const std::vector<std::uint32_t> unsigned_taps(taps.begin(), taps.end());
    return direct::find_factors(unsigned_taps.data(), extents, 1, 0, scratch, lines);
  };
  std::uint32_t lines[5];
  ASSERT_TRUE(found({-9, 21, 21, -49}, lines));
  EXPECT_EQ(lines[0], 1u);
  EXPECT_EQ(lines[1] * lines[3], static_cast<std::uint32_t>(-9));
  EXPECT_EQ(lines[2] * lines[4], static_cast<std::uint32_t>(-49));
  EXPECT_FALSE(found({-9, 21, 21, -48}, lines));
  EXPECT_FALSE(found({2, 3, 3, 4}, lines));
}

}  // namespace
}  // namespace faltung::test
