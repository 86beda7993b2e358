// image::uniform by sums of blocks, against the definition.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <faltung/faltung.hpp>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/element.hpp"

namespace faltung {
namespace {

using image::Store;

constexpr Store all_stores[] = {{Rounding::truncate, Overflow::wrap},
                                {Rounding::truncate, Overflow::saturate},
                                {Rounding::nearest_even, Overflow::wrap},
                                {Rounding::nearest_even, Overflow::saturate}};
const Boundary all_boundaries[] = {Boundary::zero(), Boundary::nearest(), Boundary::reflect(),
                                   Boundary::mirror(), Boundary::wrap()};

template <typename T>
Tensor row(const std::vector<T>& values) {
  return Tensor::from(std::span<const T>(values), {static_cast<std::int64_t>(values.size())});
}

// Full range, with the ends of the type in a third of the places.
template <typename T>
std::vector<T> draw(std::mt19937_64& random, std::size_t count) {
  std::vector<T> values(count);
  for (T& value : values) {
    const auto kind = random() % 6;
    value = kind == 0   ? std::numeric_limits<T>::min()
            : kind == 1 ? std::numeric_limits<T>::max()
                        : static_cast<T>(random());
  }
  return values;
}

// The sum of one window in a wide type.
template <typename Sum, typename T>
Sum window_sum(const std::vector<T>& x, std::int64_t first, std::int64_t size, BoundaryKind kind) {
  Sum sum = 0;
  for (std::int64_t t = first; t < first + size; ++t) {
    const std::int64_t at = extend_index(kind, t, static_cast<std::int64_t>(x.size()));
    if (at != outside) sum += static_cast<Sum>(x[static_cast<std::size_t>(at)]);
  }
  return sum;
}

WideSigned quotient(WideSigned sum, WideSigned size, Rounding rounding) {
  WideSigned below = sum / size;
  if (below * size > sum) --below;
  const WideSigned rest = sum - below * size;
  if (rounding == Rounding::truncate) return sum < 0 && rest != 0 ? below + 1 : below;
  return 2 * rest > size || (2 * rest == size && below % 2 != 0) ? below + 1 : below;
}

template <typename T>
class WholeMeans : public ::testing::Test {};
using Integers = ::testing::Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                                  std::int32_t, std::uint32_t, std::int64_t, std::uint64_t>;
TYPED_TEST_SUITE(WholeMeans, Integers);

TYPED_TEST(WholeMeans, AreExactQuotients) {
  std::mt19937_64 random(11);
  for (int trial = 0; trial < 200; ++trial) {
    const auto x = draw<TypeParam>(random, 1 + random() % 40);
    const auto size = static_cast<std::int64_t>(2 + random() % 60);
    const std::int64_t origin = static_cast<std::int64_t>(random()) % (size / 2);
    const Boundary& boundary = all_boundaries[random() % 5];
    for (const Store& store : all_stores) {
      const Tensor y = image::uniform(
          row(x), {.size = size, .boundary = boundary, .origin = origin, .store = store});
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::int64_t first = static_cast<std::int64_t>(i) - size / 2 - origin;
        const auto sum = window_sum<WideSigned>(x, first, size, boundary.kind);
        // The mean of a type's values is one of them.
        ASSERT_EQ(y.values<TypeParam>()[i],
                  static_cast<TypeParam>(quotient(sum, size, store.rounding)))
            << "size " << size << " origin " << origin << " at " << i;
      }
    }
  }
}

TYPED_TEST(WholeMeans, OfWindowsLongerThanAnyReciprocal) {
  std::mt19937_64 random(12);
  const std::int64_t size = (std::int64_t{1} << 19) + 1;
  const auto x = draw<TypeParam>(random, 5);
  const Tensor y = image::uniform(row(x), {.size = size});
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto sum = window_sum<WideSigned>(x, static_cast<std::int64_t>(i) - size / 2, size,
                                            BoundaryKind::reflect);
    EXPECT_EQ(y.values<TypeParam>()[i],
              static_cast<TypeParam>(quotient(sum, size, Rounding::truncate)));
  }
}

TEST(WholeMeansIntoOtherTypes, WrapOrSaturate) {
  const std::vector<std::int32_t> x = {300, 300, 300, -7, -7, -7, 100, 100, 100};
  const auto values = [&](const Store& store) {
    const Tensor y = image::uniform(
        row(x), {.size = 3, .boundary = Boundary::nearest(), .output = u8, .store = store});
    const auto span = y.values<std::uint8_t>();
    return std::vector<int>(span.begin(), span.end());
  };
  // Means: 300 300 197.67 95.33 -7 28.67 64.33 100 100
  EXPECT_EQ(values({}), (std::vector<int>{44, 44, 197, 95, 249, 28, 64, 100, 100}));
  EXPECT_EQ(values({Rounding::nearest_even, Overflow::saturate}),
            (std::vector<int>{255, 255, 198, 95, 0, 29, 64, 100, 100}));
}

// |error| <= (size + 1) 2^-53 (|x| * 1/size) + u |y|, with sums of reference in long double.
template <typename T>
void expect_means(const Tensor& y, const std::vector<T>& x, std::int64_t size,
                  const Boundary& boundary) {
  std::vector<T> magnitudes = x;
  for (T& value : magnitudes) value = std::abs(value);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t first = static_cast<std::int64_t>(i) - size / 2;
    const auto parts = static_cast<long double>(size);
    const long double exact = window_sum<long double>(x, first, size, boundary.kind) / parts;
    const long double weight =
        window_sum<long double>(magnitudes, first, size, boundary.kind) / parts;
    const long double limit = static_cast<long double>(size + 1) * 0x1p-53L * weight +
                              static_cast<long double>(unit_roundoff(y.dtype())) * std::abs(exact);
    ASSERT_LE(std::abs(static_cast<long double>(y.values<T>()[i]) - exact), limit)
        << "size " << size << " at " << i;
  }
}

template <typename T>
class FloatingMeans : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(FloatingMeans, Reals);

// Values over forty orders of magnitude.
TYPED_TEST(FloatingMeans, KeepTheirOwnAccuracy) {
  std::mt19937_64 random(13);
  std::uniform_real_distribution<double> exponent(-18, 18);
  for (int trial = 0; trial < 100; ++trial) {
    std::vector<TypeParam> x(1 + random() % 300);
    for (TypeParam& value : x) {
      value = static_cast<TypeParam>((random() % 2 == 0 ? 1 : -1) * std::pow(10, exponent(random)));
    }
    const auto size = static_cast<std::int64_t>(32 + random() % 200);
    const Boundary& boundary = all_boundaries[random() % 5];
    expect_means(image::uniform(row(x), {.size = size, .boundary = boundary}), x, size, boundary);
  }
}

TYPED_TEST(FloatingMeans, DoNotOverflow) {
  const std::vector<TypeParam> x(100, std::numeric_limits<TypeParam>::max());
  const Tensor y = image::uniform(row(x), {.size = 64});
  for (const TypeParam value : y.values<TypeParam>()) {
    EXPECT_NEAR(value / std::numeric_limits<TypeParam>::max(), 1, 1e-6);
  }
}

TYPED_TEST(FloatingMeans, KeepInfinitiesAndNanToTheirWindows) {
  std::vector<TypeParam> x(500, 1);
  x[100] = std::numeric_limits<TypeParam>::infinity();
  x[300] = std::numeric_limits<TypeParam>::quiet_NaN();
  const Tensor y = image::uniform(row(x), {.size = 41});
  for (std::int64_t i = 0; i < 500; ++i) {
    const TypeParam value = y.values<TypeParam>()[static_cast<std::size_t>(i)];
    if (std::abs(i - 300) <= 20) {
      EXPECT_TRUE(std::isnan(value)) << i;
    } else if (std::abs(i - 100) <= 20) {
      EXPECT_EQ(value, std::numeric_limits<TypeParam>::infinity()) << i;
    } else {
      EXPECT_NEAR(value, 1, 1e-6) << i;
    }
  }
}

// Lines along every axis of a view with gaps, turned round, and of complex elements.
TEST(WindowMeans, OfViewsAndComplexDataAreThoseOfCopies) {
  std::mt19937_64 random(14);
  Tensor x(c64, {7, 50, 9});
  for (auto& value : x.values<std::complex<float>>()) {
    value = {static_cast<float>(random() % 1000), static_cast<float>(random() % 1000)};
  }
  ConstTensorView view = std::as_const(x).view();
  view.shape = {4, 50, 9};
  view.strides = {900, -9, 1};
  view.data = x.values<std::complex<float>>().data() + 49 * 9;
  Tensor y(c64, view.shape);
  const image::UniformOptions options{.size = {2, 33, 4}};
  image::uniform(view, y, options);
  const Tensor copy = compact_copy(view, c64);
  Tensor real(f32, view.shape), imaginary(f32, view.shape);
  for (std::int64_t i = 0; i < copy.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    real.values<float>()[at] = copy.values<std::complex<float>>()[at].real();
    imaginary.values<float>()[at] = copy.values<std::complex<float>>()[at].imag();
  }
  const Tensor re = image::uniform(real, options), im = image::uniform(imaginary, options);
  for (std::size_t i = 0; i < static_cast<std::size_t>(y.size()); ++i) {
    EXPECT_EQ(y.values<std::complex<float>>()[i].real(), re.values<float>()[i]);
    EXPECT_EQ(y.values<std::complex<float>>()[i].imag(), im.values<float>()[i]);
  }
}

TEST(WindowMeans, DoNotDependOnThreads) {
  std::mt19937_64 random(15);
  for (const Shape& shape :
       {Shape{200000}, Shape{300, 500}, Shape{3, 40, 700}, Shape{9, 40000}, Shape{5000, 30}}) {
    Tensor x(f32, shape);
    for (float& value : x.values<float>()) value = static_cast<float>(random()) * 1e-19f;
    const int before = threads();
    set_threads(1);
    const Tensor one = image::uniform(x, {.size = 35});
    set_threads(4);
    const Tensor four = image::uniform(x, {.size = 35});
    set_threads(before);
    EXPECT_TRUE(std::ranges::equal(one.values<float>(), four.values<float>()));
  }
}

}  // namespace
}  // namespace faltung
