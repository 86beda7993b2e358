#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "cpp/cpu/reference_engine.hpp"
#include "cuda/depthwise/depthwise_engine.hpp"
#include "cuda/direct/direct_engine.hpp"
#include "cuda/separable/separable_engine.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/support/operands.hpp"

// The epilogue that all CUDA engines share, where sums come near the largest number of their type.
namespace faltung::cuda {
namespace {

using test::Array;
using test::Operands;

constexpr double shares[] = {0.501, -0.501, 0.75, 1, -1, -0.75};  // of the largest number

// The filter is the unit impulse, so that every sum is one element of x.
Operands near_the_largest(const Problem& p) {
  Operands operands = test::zero_operands(p);
  const double largest = p.accumulator == DType::f64 ? std::numeric_limits<double>::max()
                                                     : std::numeric_limits<float>::max();
  std::size_t next = 0;
  operands.first.fill([&](const Extents&) { return largest * shares[next++ % std::size(shares)]; });
  operands.second.fill([&](const Extents& at) {
    bool centre = true;
    for (std::size_t axis = 0; axis < p.rank(); ++axis) {
      centre = centre && at[axis + 2] == p.axes[axis].filter / 2;
    }
    return centre ? 1.0 : 0.0;
  });
  return operands;
}

// gelu(v) is v for such v above 0, and 0 below; twice v is infinite in f64.
void expect_gelu_is_finite(const Engine& engine, const char* line) {
  SCOPED_TRACE(line);
  const Problem p = Problem::parse(line);
  const Operands operands = near_the_largest(p);
  const Array expected = test::run_guarded(test::cpu_device(), reference_engine(), p, operands);
  const Array actual = test::run_guarded(*test::test_devices()[0], engine, p, operands);
  EXPECT_TRUE(test::equal_elements(expected, actual));
  for_each_index(actual.shape(), [&](std::int64_t, const Extents& at) {
    EXPECT_EQ(actual.get(at).real(), std::max(0.0, operands.first.get(at).real())) << at;
  });
}

TEST(CudaEpilogue, GeluOfSumsAboveHalfOfTheLargestNumberIsFinite) {
  for (const char* line : {"op=fwd dtype=f64 n=1 c=1 in=9 k=1 f=1 act=gelu",
                           "op=fwd dtype=f32 n=1 c=1 in=9 k=1 f=1 act=gelu",
                           "op=fwd dtype=f64 n=1 c=2 in=6x40 k=2 f=3x3 pad=1 g=2 act=gelu",
                           "op=fwd dtype=f32 n=1 c=2 in=6x40 k=2 f=3x3 pad=1 g=2 act=gelu"}) {
    expect_gelu_is_finite(direct_engine(), line);
  }
  for (const char* line : {"op=fwd dtype=f64 n=1 c=2 in=6x40 k=2 f=3x3 pad=1 g=2 act=gelu",
                           "op=fwd dtype=f32 n=1 c=2 in=6x40 k=2 f=3x3 pad=1 g=2 act=gelu"}) {
    expect_gelu_is_finite(depthwise_engine(), line);
  }
  for (const char* line : {"op=fwd dtype=f64 n=1 c=1 in=12x40 k=1 f=3x3 pad=1 sep=1 act=gelu",
                           "op=fwd dtype=f32 n=1 c=1 in=12x40 k=1 f=3x3 pad=1 sep=1 act=gelu"}) {
    expect_gelu_is_finite(separable_engine(), line);
  }
}

}  // namespace
}  // namespace faltung::cuda
