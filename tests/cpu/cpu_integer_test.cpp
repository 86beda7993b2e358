// Integers in cpu.direct at the ends of their ranges, on every instruction set: dot products that
// saturated anywhere would show, and so would conversions that did not round as the rule says.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cpp/core/message.hpp"
#include "cpp/cpu/channels/channel_kernel.hpp"
#include "cpp/cpu/direct/direct_engine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"
#include "tests/support/operands.hpp"

namespace faltung::test {
namespace {

// The ways that integers go: rows and lines of pairs of taps, panels of pairs of channels; odd
// numbers of both, results of 8 to 32 bits, boundaries, groups, more than one image.
constexpr const char* in_pairs[] = {
    "op=fwd dtype=i16:i16:i32 n=2 c=1 in=203 k=1 f=5 pad=2",
    "op=fwd dtype=i16:i16:i32 n=1 c=1 in=1203 k=1 f=197 pad=98 boundary=mirror",
    "op=fwd dtype=i16 n=1 c=2 in=403 k=2 f=64 g=2",
    "op=fwd dtype=u8:i8:i32 n=2 c=1 in=29x167 k=1 f=3x3 pad=1 boundary=constant(255)",
    "op=fwd dtype=u8:u8:u32 n=1 c=1 in=17x75 k=2 f=2x1",
    "op=fwd dtype=i8:i8:i32 n=1 c=3 in=19x35 k=2 f=5x4 pad=2 flip=1",
    "op=fwd dtype=u8:i8:u8 n=1 c=1 in=31x133 k=1 f=11x11 pad=5 boundary=reflect overflow=saturate",
    "op=fwd dtype=i8:i16:i8 n=1 c=2 in=5x9x37 k=3 f=3x2x3 pad=1 bias=1",
    "op=fwd dtype=i16:u8:i32 n=1 c=3 in=9x41 k=5 f=3x3 stride=2x1 dil=2x1 layout=nhwc",
    "op=dgrad dtype=i32:i8:i16 n=1 c=4 in=9x41 k=3 f=3x3 pad=1 acc=i64",
    "op=fwd dtype=i8:i8:f32 acc=i32 n=1 c=2 in=9x41 k=3 f=3x3 pad=1",
    "op=fwd dtype=i8:i8:f32 acc=i32 n=1 c=5 in=9x11 k=33 f=3x3 pad=1",
    "op=fwd dtype=i8:i8:i32 n=1 c=17 in=9x11 k=37 f=3x3 pad=1",
    "op=fwd dtype=u8:i8:i32 n=2 c=16 in=13x15 k=41 f=3x3 pad=1 stride=2 boundary=mirror",
    "op=fwd dtype=i16:i16:i32 n=1 c=18 in=7x59 k=66 f=1x1 g=2",
    "op=fwd dtype=i16 n=1 c=701 in=53 k=33 f=1",
    "op=fwd dtype=u8:i8:u8 n=1 c=9 in=9x11 k=32 f=3x3 pad=1 bias=1 act=relu overflow=saturate",
};

double min(DType type) {
  return is_signed(type) ? -std::ldexp(1.0, static_cast<int>(8 * size_of(type)) - 1) : 0;
}
double max(DType type) {
  return std::ldexp(1.0, static_cast<int>(8 * size_of(type)) - (is_signed(type) ? 1 : 0)) - 1;
}

enum class Ends { random, lowest, highest_and_lowest };

Operands at_the_ends(const Problem& problem, Ends ends) {
  Operands operands = filled_operands(problem, Fill::whole_range, test_seed());
  std::mt19937_64 random(test_seed());
  const auto fill = [&](Array& array, bool highest) {
    array.fill([&](const Extents&) {
      if (ends == Ends::random) highest = random() % 2 == 0;
      return highest ? max(array.dtype()) : min(array.dtype());
    });
  };
  fill(operands.first, ends == Ends::highest_and_lowest);
  fill(operands.second, false);
  return operands;
}

class CpuInteger : public ::testing::Test {
 protected:
  void TearDown() override { set_cpu_target(""); }

  // The engine's result equals the reference's on every instruction set.
  static void expect_equal(const Problem& problem, const Operands& operands,
                           const RunOptions& options = {}) {
    const Array expected = run_guarded(cpu_device(), reference_engine(), problem, operands);
    for (const std::string& target : cpu_targets()) {
      set_cpu_target(target);
      EXPECT_TRUE(equal_elements(
          expected, run_guarded(cpu_device(), direct_engine(), problem, operands, options)))
          << target << " [" << problem << ']';
    }
  }
};

TEST_F(CpuInteger, SumsAtTheEndsOfTheRangeAreExact) {
  for (const char* line : in_pairs) {
    const Problem problem = Problem::parse(line);
    for (const Ends ends : {Ends::random, Ends::lowest, Ends::highest_and_lowest}) {
      expect_equal(problem, at_the_ends(problem, ends));
    }
    const Operands operands = filled_operands(problem, Fill::whole_range, test_seed());
    expect_equal(problem, operands);
    expect_equal(problem, operands, {.bind_filter = true});
  }
}

// Guards the test above.
TEST_F(CpuInteger, PairsAreMultipliedWhereAnInstructionDoes) {
  for (const std::string& target : cpu_targets()) {
    set_cpu_target(target);
    for (const char* line : in_pairs) {
      const Problem problem = Problem::parse(line);
      if (problem.pass != Pass::forward) continue;
      const std::string_view way = direct_engine().offer(problem, Device::cpu()).way;
      EXPECT_EQ(way == "pairs" || way == "panels_i16", has_int16_kernel()) << line << ": " << way;
    }
  }
}

// Whether weights fit in 16 bits is known only when they are there.
TEST_F(CpuInteger, WiderFiltersKeepTheirValues) {
  for (const char* types : {"i16:i32:i32", "u8:u16:i32", "i8:u32:u8", "i16:i64:i16"}) {
    const Problem problem =
        Problem::parse(message("op=fwd dtype=", types, " n=1 c=2 in=9x70 k=2 f=3x3 pad=1"));
    for (const bool bind_filter : {false, true}) {
      Operands operands = filled_operands(problem, Fill::small_integers, test_seed());
      expect_equal(problem, operands, {.bind_filter = bind_filter});
      for (const double weight : {32767.0, 32768.0, 65535.0, max(problem.filter), -32769.0}) {
        if (weight < min(problem.filter) || weight > 0x1p53) continue;
        operands.second.set({1, 0, 2, 1}, weight);
        expect_equal(problem, operands, {.bind_filter = bind_filter});
      }
    }
  }
}

// One tap of 1: results are the values themselves, stored by the rule.
TEST_F(CpuInteger, ConversionsKeepTheRule) {
  const std::vector<double> tame = {
      0,     0.5, -0.5,   1.5,   2.5,   -1.5,    126.5, 127.5,    128,     -128.5,  -129, 254.5,
      255.5, 256, -256.5, 1e-30, 32767, 32767.5, 32768, -32768.5, 65534.5, 65535.5, 1e6,  -2e6};
  std::vector<double> wild = tame;
  for (const double value : {0x1p21, -0x1p21, 3e9, -3e9, 0x1p40, 1e30, -1e30}) {
    wild.push_back(value);
  }
  for (const double value : {std::numeric_limits<double>::infinity(), std::nan("")}) {
    wild.push_back(value);
    wild.push_back(-value);
  }
  for (const std::vector<double>& values : {tame, wild}) {
    for (const char* sums : {"f32", "f64"}) {
      for (const char* result : {"u8", "i8", "u16", "i16"}) {
        for (const char* rule : {"", "round=nearest_even", "overflow=saturate",
                                 "overflow=saturate round=nearest_even"}) {
          const Problem problem = Problem::parse(message("op=fwd dtype=", sums, ':', sums, ':',
                                                         result, " n=1 c=1 in=210 k=1 f=1 ", rule));
          Operands operands = zero_operands(problem);
          operands.first.fill([&](const Extents& index) {
            return values[static_cast<std::size_t>(index[2]) % values.size()];
          });
          operands.second.fill([](const Extents&) { return 1; });
          expect_equal(problem, operands);
        }
      }
    }
  }
}

TEST_F(CpuInteger, ElementsAreReadInWhole) {
  for (const char* input : {"u8", "i8", "u16", "i16"}) {
    for (const char* others : {"f32:f32", "f64:f64", "i16:i32"}) {
      const Problem problem = Problem::parse(
          message("op=fwd dtype=", input, ':', others, " n=1 c=1 in=5x203 k=1 f=2x1"));
      Operands operands = filled_operands(problem, Fill::whole_range, test_seed());
      fill_array(operands.second, Fill::small_integers, test_seed());
      expect_equal(problem, operands);
    }
  }
}

}  // namespace
}  // namespace faltung::test
