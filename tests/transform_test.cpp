#include "cpp/cpu/fft/transform.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "cpp/core/strided.hpp"

namespace faltung::fft {
namespace {

using Z = std::complex<long double>;

// The definition, one axis after the other, in long double.
std::vector<Z> slow_transform(std::vector<Z> data, const Shape& shape) {
  const Strides strides = compact_strides(shape);
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::vector<Z> result(data.size());
    for_each_index(shape, [&](std::int64_t position, const Extents& k) {
      for (std::int64_t i = 0; i < shape[axis]; ++i) {
        const long double angle = -2 * 3.14159265358979323846264338327950288L *
                                  static_cast<long double>(i * k[axis] % shape[axis]) /
                                  static_cast<long double>(shape[axis]);
        const std::int64_t from = position + (i - k[axis]) * strides[axis];
        result[static_cast<std::size_t>(position)] +=
            data[static_cast<std::size_t>(from)] * std::polar(1.0L, angle);
      }
    });
    data = std::move(result);
  }
  return data;
}

template <typename T>
class TransformTest : public ::testing::Test {};
using Types = ::testing::Types<float, double, std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(TransformTest, Types);

// ||error|| <= 4 u log2(n) ||x||: kernels of FFT libraries measure 0.4 u log2(n) in the root mean
// square. Source: Schatzman, SIAM J. Sci. Comput. 17 (1996) 1150.
TYPED_TEST(TransformTest, MatchesTheDefinitionAndItsInverseComesBack) {
  using T = TypeParam;
  constexpr bool real = std::is_same_v<T, Real<T>>;
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(-1, 1);
  const Shape shapes[] = {{1},       {2},          {3},      {5},       {12},
                          {25},      {90},         {128},    {2, 2},    {1, 8},
                          {8, 1},    {6, 5},       {5, 6},   {9, 16},   {3, 4, 5},
                          {4, 3, 2}, {2, 3, 4, 3}, {150, 2}, {1, 1, 1}, {2, 1, 3, 1, 2, 2}};
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(::testing::PrintToString(std::vector<std::int64_t>(shape.begin(), shape.end())));
    const Transform<T> transform(shape);
    const std::size_t count = static_cast<std::size_t>(element_count(shape));
    std::vector<Z> exact(count);
    std::vector<Spectrum<T>> data(static_cast<std::size_t>(transform.size()));
    T* values = reinterpret_cast<T*>(data.data());
    const auto offset = [&](std::int64_t position) {
      return position / shape.back() * transform.row_step() + position % shape.back();
    };
    long double norm = 0;
    for (std::size_t i = 0; i < count; ++i) {
      T value;
      if constexpr (real) {
        value = static_cast<T>(uniform(random));
      } else {
        value = {static_cast<Real<T>>(uniform(random)), static_cast<Real<T>>(uniform(random))};
      }
      values[offset(static_cast<std::int64_t>(i))] = value;
      exact[i] = Z(value);
      norm += std::norm(exact[i]);
    }
    const std::vector<Z> expected = slow_transform(exact, shape);
    void* scratch = ::operator new (transform.scratch_bytes(), std::align_val_t{256});
    std::memset(scratch, 0xff, transform.scratch_bytes());
    transform.forward(data.data(), static_cast<std::byte*>(scratch));

    const long double u = std::numeric_limits<Real<T>>::epsilon() / 2;
    const long double bound =
        4 * u * (std::log2(static_cast<long double>(count)) + 1) * std::sqrt(norm);
    const long double root = std::sqrt(static_cast<long double>(count));
    Shape half = shape;
    if (real) half[half.size() - 1] = half.back() / 2 + 1;
    long double error = 0;
    for_each_index(half, [&](std::int64_t position, const Extents& k) {
      error += std::norm(Z(data[static_cast<std::size_t>(position)]) -
                         expected[static_cast<std::size_t>(offset_of(k, compact_strides(shape)))]);
    });
    EXPECT_LE(std::sqrt(error), bound * root);

    std::memset(scratch, 0x5a, transform.scratch_bytes());
    transform.inverse(data.data(), static_cast<std::byte*>(scratch));
    error = 0;
    for (std::size_t i = 0; i < count; ++i) {
      error += std::norm(Z(values[offset(static_cast<std::int64_t>(i))]) - exact[i]);
    }
    EXPECT_LE(std::sqrt(error), 2 * bound);
    ::operator delete (scratch, std::align_val_t{256});
  }
}

TEST(GoodLength, IsTheNextProductOfTwoThreeAndFive) {
  for (std::int64_t n = 1; n < 3000; ++n) {
    const auto smooth = [](std::int64_t m) {
      for (const std::int64_t p : {2, 3, 5}) {
        while (m % p == 0) m /= p;
      }
      return m == 1;
    };
    std::int64_t expected = n;
    while (!smooth(expected)) ++expected;
    EXPECT_EQ(good_length(n), expected);
  }
}

}  // namespace
}  // namespace faltung::fft
