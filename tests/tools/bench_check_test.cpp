#include <cstdint>

#include <gtest/gtest.h>

#include <faltung/plan.hpp>
#include "cpp/tools/bench/operands.hpp"

namespace faltung::bench {
namespace {

// What the benchmark says of a result of which every element is off by `change`.
double ratio(const char* text, int change) {
  const Problem problem = Problem::parse(text);
  Operands operands = make_operands(problem, 1);
  const Plan plan = Plan::make(problem, Device::cpu(), {.engine = "cpu.direct"});
  plan.run({}, operands.first, operands.second, operands.result);
  for (auto& value : operands.result.values<std::uint8_t>()) {
    value = static_cast<std::uint8_t>(value + change);
  }
  return check_error(problem, plan.error_bound(), operands, 1).ratio;
}

TEST(BenchCheck, ByteOfFloatingSumMustBeTheNearestOne) {
  const char* text = "op=fwd dtype=u8:f32:u8 acc=f32 n=1 c=1 in=32x32 k=1 f=3x3 round=nearest_even";
  EXPECT_LE(ratio(text, 0), 1);
  EXPECT_GT(ratio(text, 1), 1);
}

TEST(BenchCheck, WholeSumIsExact) {
  const char* text = "op=fwd dtype=u8 n=1 c=1 in=32x32 k=1 f=3x3";
  EXPECT_EQ(ratio(text, 0), 0);
  EXPECT_GT(ratio(text, 1), 1);
}

}  // namespace
}  // namespace faltung::bench
