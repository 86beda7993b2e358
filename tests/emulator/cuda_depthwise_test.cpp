#include <gtest/gtest.h>

#include "cpp/cpu/reference_engine.hpp"
#include "cuda/depthwise/depthwise_engine.hpp"
#include "cuda/depthwise/depthwise_lowering.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"

namespace faltung::cuda::depthwise {
namespace {

const test::TestDevice& device() { return *test::test_devices()[0]; }

test::Array expected(const Problem& p, const test::Operands& operands) {
  return test::run_guarded(test::cpu_device(), reference_engine(), p, operands);
}

// Exact on small integers, within the derived bound on reals, the same bits from poisoned memory.
void expect_agreement(const std::string& line) {
  const Problem p = Problem::parse(line);
  ASSERT_TRUE(depthwise_engine().supports(p, Device::cuda(0))) << line;
  const test::Operands small =
      test::filled_operands(p, test::Fill::small_integers, test::test_seed());
  EXPECT_TRUE(test::equal_elements(expected(p, small),
                                   test::run_guarded(device(), depthwise_engine(), p, small)))
      << line;
  const test::Operands reals = test::filled_operands(p, test::Fill::reals, test::test_seed());
  const test::Array result =
      test::run_guarded(device(), depthwise_engine(), p, reals, {.poison = std::byte{0xff}});
  const ErrorBound bound = depthwise_engine().prepare(p, Device::cuda(0))->error_bound();
  EXPECT_LE(test::error_ratio(p, reals, expected(p, reals), result, bound), 1) << line;
  EXPECT_TRUE(test::same_elements(result, test::run_guarded(device(), depthwise_engine(), p, reals,
                                                            {.poison = std::byte{0x5a}})))
      << line;
}

TEST(Depthwise, AgreesWithTheReference) {
  for (const std::string& line : test::problem_lines("tests/problems/depthwise.txt")) {
    expect_agreement(line);
  }
}

}  // namespace
}  // namespace faltung::cuda::depthwise
