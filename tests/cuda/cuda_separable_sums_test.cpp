#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cpp/core/outer_product.hpp"
#include "tests/cuda/separable_support.hpp"
#include "tests/emulator/emulator.hpp"

// The special ways of cuda.separable to sum and to store.
namespace faltung::cuda::separable {
namespace {

// Long lines of equal taps: with every shift and remainder of vectors, odd strips, both types of a
// sum, and one line of the two alone.
TEST(SeparableEqualTaps, AreSummedOnce) {
  for (const char* line :
       {"op=filter dtype=f32 in=40x150 f=25x25 boundary=reflect sep=1",
        "op=filter dtype=f32 in=20x130 f=20x22 boundary=wrap sep=1",
        "op=filter dtype=f32 in=9x131 f=33x23 boundary=mirror sep=1",
        "op=fwd dtype=f32 n=1 c=1 in=30x160 k=1 f=21x20 pad=20x17:19 sep=1 bias=1 act=relu",
        "op=fwd dtype=f32 n=1 c=1 in=60x168 k=1 f=41x29 sep=1",
        "op=filter dtype=f32 in=40x64 f=3x31 boundary=nearest sep=1",
        "op=filter dtype=f32 in=70x64 f=31x3 boundary=reflect sep=1",
        "op=filter dtype=f64 in=20x70 f=21x23 boundary=reflect sep=1",
        "op=filter dtype=f64 in=20x67 f=24x20 boundary=constant(2) sep=1",
        "op=filter dtype=u8 in=40x136 f=21x21 boundary=mirror sep=1",
        "op=fwd dtype=u8:i8:i32 n=1 c=1 in=20x140 k=1 f=22x21 pad=11x10 boundary=reflect sep=1",
        "op=fwd dtype=i64 n=1 c=1 in=20x70 k=1 f=20x21 pad=10 boundary=wrap sep=1"}) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    test::Operands operands = filled(p, test::Fill::small_integers);
    operands.second.fill([](const Extents&) { return 3.0; });
    EXPECT_TRUE(test::equal_elements(expected(p, operands), actual(p, operands)));
    if (is_integer(p.accumulator)) continue;
    test::fill_array(operands.first, test::Fill::reals, test::test_seed());
    operands.second.fill([](const Extents&) { return 1.0 / 441; });
    EXPECT_LE(share_of_bound(p, operands), 1);
  }
}

// Nothing of a value is left where the window does not reach it: 1e30 rounds 1 away.
TEST(SeparableEqualTaps, ForgetWhatHasLeftTheWindow) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=1 c=1 in=90x160 k=1 f=21x21 pad=10 sep=1");
  test::Operands operands = filled(p, test::Fill::small_integers);
  operands.second.fill([](const Extents&) { return 1.0; });
  operands.first.fill([](const Extents&) { return 1.0; });
  operands.first.set({0, 0, 40, 60}, 1e30);
  const test::Array reference = expected(p, operands);
  const test::Array result = actual(p, operands);
  for_each_index(result.shape(), [&](std::int64_t, const Extents& at) {
    if (std::abs(at[2] - 40) <= 10 && std::abs(at[3] - 60) <= 10) return;
    EXPECT_EQ(result.get(at), reference.get(at)) << at;
  });
}

// A filter that outer_terms declares is summed by its factors: by the definition, each output would
// take as many multiply-adds as there are taps.
TEST(SeparableTerms, AreFoundAgainFromTheTaps) {
  const Problem p = Problem::parse("op=filter dtype=f32 in=64x128 f=31x31 boundary=reflect sep=2");
  test::Operands operands = filled(p, test::Fill::reals);
  operands.second.fill([](const Extents& at) {
    const double y = static_cast<double>(at[2]) - 15, x = static_cast<double>(at[3]) - 15;
    return ((y * y + x * x) / 50 - 1) * std::exp(-(y * y + x * x) / 50);
  });
  const std::vector<std::byte>& taps = operands.second.bytes();
  const ConstTensorView w{taps.data(), DType::f32, {31, 31}, {31, 1}, Device::cpu()};
  ASSERT_EQ(outer_terms(w, DType::f32), 2);
  EXPECT_LE(share_of_bound(p, operands), 1);
  const emulator::Recorder recorder;
  (void)actual(p, operands);
  const auto count = static_cast<double>(recorder.reports().at(0).counters.multiply_adds);
  // 64 rows and the filter's reach across, all outputs down; then the factors.
  EXPECT_LE(count, 128 * (2 * 33.0 * 128 + 2 * 31.0 * 64) + 20 * 961);
}

// Sums beyond 32 bits wrap and saturate as the definition has them, beside those that are easy.
TEST(SeparableStores, FinishLargeSumsAsTheDefinitionDoes) {
  for (const char* line :
       {"op=fwd dtype=f32:f32:u8 n=1 c=1 in=20x136 k=1 f=3x3 pad=1 sep=1",
        "op=fwd dtype=f32:f32:i16 n=1 c=1 in=20x136 k=1 f=3x3 pad=1 sep=1",
        "op=fwd dtype=f32:f32:i8 n=1 c=1 in=20x136 k=1 f=3x3 pad=1 sep=1 overflow=saturate",
        "op=fwd dtype=f32:f32:f16 n=1 c=1 in=20x136 k=1 f=3x3 pad=1 sep=1"}) {
    const Problem p = Problem::parse(line);
    test::Operands operands = filled(p, test::Fill::small_integers);
    operands.second.fill([](const Extents& at) { return at[2] == 1 && at[3] == 0 ? 1.0 : 0.0; });
    operands.first.set({0, 0, 3, 4}, 0x1p29 + 64);
    operands.first.set({0, 0, 3, 70}, 0x1p30 + 128);
    operands.first.set({0, 0, 9, 71}, -0x1.000002p33);
    operands.first.set({0, 0, 19, 135}, std::numeric_limits<double>::infinity());
    EXPECT_TRUE(test::equal_elements(expected(p, operands), actual(p, operands))) << line;
  }
}

}  // namespace
}  // namespace faltung::cuda::separable
