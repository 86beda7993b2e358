// math=reproducible on a GPU: the bits of the CPU.

#include <gtest/gtest.h>

#include <limits>

#include "cuda/direct/direct_engine.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/support/ordered_sum.hpp"

namespace faltung::test {
namespace {

void expect_promised_bits(Problem p, const Operands& operands) {
  p.math = Math::reproducible;
  SCOPED_TRACE(::testing::Message() << p);
  const Array result =
      run_guarded(*test_devices()[0], cuda::direct_engine(), p, operands, {.way = "in_order"});
  EXPECT_TRUE(same_bits(ordered_sum(p, operands), result));
}

// The CPU is compared with the same numbers, in reproducible_test.
TEST(CudaReproducible, HasTheBitsOfTheCpu) {
  for (const char* line : ordered_problems) {
    const Problem p = Problem::parse(line);
    expect_promised_bits(p, filled_operands(p, Fill::reals, test_seed()));
  }
}

TEST(CudaReproducible, HasNoNegativeZeros) {
  for (const char* line : ordered_problems) {
    const Problem p = Problem::parse(line);
    if (p.input != p.accumulator || p.epilogue != Epilogue{}) continue;
    Operands operands = filled_operands(p, Fill::small_integers, test_seed());
    const double tiny = p.accumulator == DType::f32 ? 0x1p-100 : 0x1p-800;
    for (Array* array : {&operands.first, &operands.second}) {
      for_each_index(array->shape(), [&](std::int64_t, const Extents& at) {
        array->set(at, tiny * array->get(at));
      });
    }
    expect_promised_bits(p, operands);
  }
}

TEST(CudaReproducible, KeepsTheOrderBesideInfinity) {
  for (const char* line : ordered_problems) {
    const Problem p = Problem::parse(line);
    if (is_integer(p.output)) continue;
    Operands operands = filled_operands(p, Fill::reals, test_seed());
    operands.second.set(Extents::filled(operands.second.shape().size(), 0),
                        std::numeric_limits<double>::infinity());
    expect_promised_bits(p, operands);
  }
}

TEST(CudaReproducible, TakesNoOtherWay) {
  const Problem p = Problem::parse("op=fwd dtype=f32 in=100x100 f=5x5 math=reproducible");
  EXPECT_EQ(cuda::direct_engine().offer(p, Device::cuda(0)).way, "in_order");
  EXPECT_FALSE(cuda::direct_engine().offer(p, Device::cuda(0), "walk"));
  Problem strict = p;
  strict.math = Math::strict;
  EXPECT_FALSE(cuda::direct_engine().offer(strict, Device::cuda(0), "in_order"));
}

}  // namespace
}  // namespace faltung::test
