#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include <faltung/image.hpp>
#include "cpp/frontend/image_pass.hpp"
#include "tests/golden/golden.hpp"
#include "tests/support/direct_sum.hpp"

namespace faltung::image {
namespace {

using Values = std::vector<double>;
using golden::numbers;

template <typename T = double>
Tensor row(std::initializer_list<T> values) {
  return Tensor::from<T>(values, {static_cast<std::int64_t>(values.size())});
}

// The numbers that SciPy's own documentation and source give for one-dimensional cases.

TEST(Correlate1d, OriginMovesTheResult) {
  const Tensor x = row<double>({0, 0, 0, 1, 0, 0, 0});
  const Tensor w = row<double>({1, 2, 3});
  EXPECT_EQ(numbers(correlate1d(x, w, {.origin = -1})), (Values{0, 3, 2, 1, 0, 0, 0}));
  EXPECT_EQ(numbers(correlate1d(x, w)), (Values{0, 0, 3, 2, 1, 0, 0}));
  EXPECT_EQ(numbers(correlate1d(x, w, {.origin = 1})), (Values{0, 0, 0, 3, 2, 1, 0}));
}

TEST(Convolve1d, EvenFiltersAreCentredLikeNdimage) {
  EXPECT_EQ(numbers(convolve1d(row<double>({0, 0, 0, 1, 0, 0, 0}), row<double>({1, 2, 3, 4}))),
            (Values{0, 1, 2, 3, 4, 0, 0}));
}

TEST(Correlate1d, BoundariesRepeatAsOftenAsNeeded) {
  const Tensor x = row<double>({1, 2, 3, 4});
  const Tensor first_of_nine = row<double>({1, 0, 0, 0, 0, 0, 0, 0, 0});
  const auto with = [&](const Boundary& b) {
    return numbers(correlate1d(x, first_of_nine, {.boundary = b}));
  };
  EXPECT_EQ(with(Boundary::reflect()), (Values{4, 3, 2, 1}));
  EXPECT_EQ(with(Boundary::mirror()), (Values{3, 4, 3, 2}));
  EXPECT_EQ(with(Boundary::nearest()), (Values{1, 1, 1, 1}));
  EXPECT_EQ(with(Boundary::wrap()), (Values{1, 2, 3, 4}));
  EXPECT_EQ(with(Boundary::constant(9)), (Values{9, 9, 9, 9}));
  for (const Boundary& b :
       {Boundary::reflect(), Boundary::mirror(), Boundary::nearest(), Boundary::wrap()}) {
    EXPECT_EQ(numbers(correlate1d(row<double>({5}), first_of_nine, {.boundary = b})), Values{5});
  }
}

TEST(Types, IntegersWrapAndTruncateTowardZero) {
  const Tensor x = Tensor::from<std::uint8_t>({200, 200, 200}, {3});
  EXPECT_EQ(numbers(correlate1d(x, row<double>({1, 1, 1}))), (Values{88, 88, 88}));
  const Tensor y = correlate1d(row<std::int32_t>({-3, -1, -3}), row<double>({0.5, 0.25}));
  EXPECT_EQ(y.dtype(), i32);
  EXPECT_EQ(numbers(y), (Values{-2, -1, -1}));  // -2.25, -1.75, -1.25
  EXPECT_EQ(numbers(sobel(Tensor::from<std::uint8_t>({0, 0, 200}, {1, 3})))[1], 32);  // of 800
}

TEST(Types, WholeWeightsKeepIntegersExactBeyondDoubles) {
  const std::int64_t big = (std::int64_t{1} << 53) + 1;
  const Tensor y = correlate1d(row<std::int64_t>({big, big}), row<double>({1}));
  EXPECT_EQ(y.values<std::int64_t>()[0], big);  // ndimage answers 2^53
}

TEST(Types, ResultTypes) {
  const Tensor real = row<double>({1, 2}), complex = compact_copy(real, c128);
  const auto type = [&](DType x, const Tensor& w) {
    return correlate1d(compact_copy(real, x), w).dtype();
  };
  for (const DType x : all_dtypes) EXPECT_EQ(type(x, real), x);
  for (const DType x : {f16, bf16, f32, c64}) EXPECT_EQ(type(x, complex), c64) << name(x);
  for (const DType x : {f64, c128, i8, u8, i16, u16, i32, u32, i64, u64}) {
    EXPECT_EQ(type(x, complex), c128) << name(x);
  }
}

// Every pair of types, by the table of docs/promotion.md.
TEST(Types, SumTypesAreTheTable) {
  const auto narrow = [](DType type) { return is_integer(type) && size_of(type) <= 2; };
  const auto half_or_single = [](DType type) { return type == f16 || type == bf16 || type == f32; };
  for (const DType x : all_dtypes) {
    for (const DType y : all_dtypes) {
      if (is_complex(x) && !is_complex(y)) continue;  // refused
      SCOPED_TRACE(std::string(name(x)) + " to " + std::string(name(y)));
      const SumTypes whole = sum_types(x, y, false, i16, {}, {});
      const SumTypes real = sum_types(x, y, false, std::nullopt, {}, {});
      const bool integers = is_integer(x) && is_integer(y);
      EXPECT_EQ(whole.filter, integers ? i16 : real.filter);
      if (integers) {
        EXPECT_EQ(whole.accumulator, size_of(x) <= 2 && size_of(y) <= 4 ? i32 : i64);
      }
      const bool single =
          (narrow(x) || half_or_single(x) || x == c64) && (half_or_single(y) || y == c64);
      EXPECT_EQ(real.filter, single ? f32 : f64);
      EXPECT_EQ(real.accumulator, is_complex(y) ? (single ? c64 : c128) : real.filter);
      if (!is_complex(y)) continue;
      const SumTypes complex = sum_types(x, y, true, std::nullopt, {}, {});
      EXPECT_EQ(complex.filter, single ? c64 : c128);
      EXPECT_EQ(complex.accumulator, complex.filter);
    }
  }
  const Call in_f64{.accumulator = f64};
  EXPECT_EQ(sum_types(f32, f32, false, std::nullopt, {}, in_f64).accumulator, f64);
  EXPECT_EQ(sum_types(c64, c64, true, std::nullopt, {}, in_f64).accumulator, c128);
}

TEST(Types, WholeWeightsTakeTheSmallestType) {
  // Exact products beyond each type's range: 127 fits in i8, 128 does not, and so on.
  for (const double tap : {127.0, 128.0, 32767.0, 32768.0, 2147483647.0, 2147483648.0, 0x1p52}) {
    const Tensor y = correlate1d(row<std::int64_t>({3, -5}), row<double>({tap, -tap}));
    EXPECT_EQ(numbers(y), (Values{3 * tap - 3 * tap, 3 * tap + 5 * tap}));
  }
}

TEST(Weights, NoneIsTooSmallToCount) {
  const Tensor ones = row<double>({1, 1, 1});
  EXPECT_EQ(numbers(correlate(ones, row<double>({1e-17, 1e-17, 1e-17})))[1], 1e-17 + 1e-17 + 1e-17);
  // Not symmetric, however small: 1e-17 and 3e-17 against 1e20.
  const Tensor y = correlate1d(row<double>({1e20, 0, 1e20, 0}), row<double>({1e-17, 0, 3e-17}),
                               {.boundary = Boundary::zero()});
  EXPECT_EQ(numbers(y), (Values{0, 3e-17 * 1e20 + 1e-17 * 1e20, 0, 1e-17 * 1e20}));
}

TEST(NonFinite, ReachesWhatTheDefinitionSays) {
  const double nan = std::nan("");
  const auto nans = [](const Tensor& y) {
    Values result;
    for (const double value : y.values<double>()) result.push_back(std::isnan(value));
    return result;
  };
  const Tensor x = row<double>({1, 1, 1, nan, 1, 1, 1});
  EXPECT_EQ(nans(correlate1d(x, row<double>({0, 1, 0}))), (Values{0, 0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(nans(correlate(x, row<double>({0, 1, 0}))), (Values{0, 0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(nans(uniform(x)), (Values{0, 0, 1, 1, 1, 0, 0}));          // ndimage: to the end
  EXPECT_EQ(numbers(uniform(row<double>({1e20, 1, 1, 1, 1})))[4], 1);  // ndimage: 0
}

TEST(Uniform, MeansOfEqualIntegersAreThatInteger) {
  for (std::int64_t size = 1; size <= 300; ++size) {
    const auto line = [&](std::int16_t value) {
      Tensor x(i16, {4});
      for (std::int16_t& element : x.values<std::int16_t>()) element = value;
      return numbers(uniform(x, {.size = size}));
    };
    EXPECT_EQ(line(255), Values(4, 255)) << size;
    EXPECT_EQ(line(-32768), Values(4, -32768)) << size;
  }
}

TEST(Shapes, ScalarsAndEmptyImages) {
  const Tensor three = Tensor::from<double>({3}, {});
  EXPECT_EQ(numbers(correlate(three, Tensor::from<double>({2}, {}))), Values{6});
  EXPECT_EQ(numbers(gaussian(three)), Values{3});
  EXPECT_EQ(numbers(laplace(three)), Values{3});  // as in ndimage: nothing to sum over
  for (const Shape& shape : {Shape{0}, Shape{3, 0}, Shape{0, 4}}) {
    const Tensor x(f32, shape);
    EXPECT_EQ(gaussian(x).shape(), shape);
    EXPECT_EQ(uniform(x).shape(), shape);
    EXPECT_EQ(sobel(x).shape(), shape);
    EXPECT_EQ(gaussian_gradient_magnitude(x).shape(), shape);
  }
}

TEST(Views, OnlyTheViewIsWritten) {
  const Tensor x = golden::sequence<float>({4, 6});
  std::vector<float> memory(100, -7);
  const TensorView y{memory.data() + 90, f32, {4, 6}, {-20, -2}, Device::cpu()};
  const auto check = [&](const Tensor& want) {
    EXPECT_EQ(numbers(compact_copy(y, f32)), numbers(want));
    std::size_t untouched = 0;
    for (const float value : memory) untouched += value == -7;
    EXPECT_GE(untouched, memory.size() - 24);
    std::ranges::fill(memory, -7.0f);
  };
  gaussian(x, y, {.sigma = 0.8});
  check(gaussian(x, {.sigma = 0.8}));
  laplace(x, y);
  check(laplace(x));
  sobel_magnitude(x, y);
  check(sobel_magnitude(x));
  const ConstTensorView transposed{x.data(), f32, {6, 4}, {1, 6}, Device::cpu()};
  EXPECT_EQ(numbers(uniform(transposed)), numbers(uniform(compact_copy(transposed, f32))));
}

// What stands at position i of an axis of n elements, found by walking; -1 is the constant.
std::int64_t walk(BoundaryKind kind, std::int64_t i, std::int64_t n) {
  while (i < 0 || i >= n) {
    switch (kind) {
      case BoundaryKind::zero:
      case BoundaryKind::constant:
        return -1;
      case BoundaryKind::nearest:
        i = i < 0 ? 0 : n - 1;
        break;
      case BoundaryKind::reflect:
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
        break;
      case BoundaryKind::mirror:
        i = n == 1 ? 0 : i < 0 ? -i : 2 * (n - 1) - i;
        break;
      case BoundaryKind::wrap:
        i += i < 0 ? n : -n;
        break;
    }
  }
  return i;
}

// The definition of correlate and convolve for `axes` of x, element by element.
Numbers definition(bool convolution, const Numbers& x, const Numbers& w, const FilterOptions& o,
                   const std::vector<std::size_t>& axes) {
  Numbers y(x.shape);
  for (std::size_t p = 0; p < y.values.size(); ++p) {
    for (std::size_t t = 0; t < w.values.size(); ++t) {
      Extents from = y.index(p);
      const Extents tap = w.index(t);
      Numbers::Value value = 0;
      bool inside = true;
      for (std::size_t axis = 0; axis < x.shape.size() && inside; ++axis) {  // slowest decides
        const auto found = std::ranges::find(axes, axis);
        if (found == axes.end()) continue;
        const auto a = static_cast<std::size_t>(found - axes.begin());
        const std::int64_t centre = w.shape[a] / 2 + o.origin.values()[a];
        from[axis] += convolution ? centre - tap[a] : tap[a] - centre;
        from[axis] = walk(o.boundary.values()[a].kind, from[axis], x.shape[axis]);
        inside = from[axis] >= 0;
        if (!inside) value = o.boundary.values()[a].value;
      }
      if (inside) value = x.values[x.at(from)];
      y.values[p] += value * (convolution ? w.values[t] : std::conj(w.values[t]));
    }
  }
  return y;
}

TEST(Random, CorrelateAndConvolveAreTheDefinition) {
  std::mt19937 random(20240612);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const Boundary rules[] = {Boundary::zero(),    Boundary::constant(2), Boundary::nearest(),
                            Boundary::reflect(), Boundary::mirror(),    Boundary::wrap()};
  for (int round = 0; round < 600; ++round) {
    const DType type = all_dtypes[static_cast<std::size_t>(round) % std::size(all_dtypes)];
    const auto rank = static_cast<std::size_t>(pick(1, 4));
    Shape shape;
    std::vector<std::size_t> all(rank);
    std::iota(all.begin(), all.end(), 0u);
    for (std::size_t i = 0; i < rank; ++i) shape.push_back(pick(1, 4));
    std::ranges::shuffle(all, random);
    const auto filtered = static_cast<std::size_t>(
        pick(1, static_cast<std::int64_t>(std::min<std::size_t>(rank, 3))));
    const std::vector<std::size_t> axes(all.begin(),
                                        all.begin() + static_cast<std::ptrdiff_t>(filtered));
    Shape taps;
    FilterOptions o;
    std::vector<Boundary> boundary;
    std::vector<std::int64_t> origin;
    for (std::size_t i = 0; i < filtered; ++i) {
      const std::int64_t r = filtered == 1 ? pick(1, 9) : pick(1, 3);  // at most 27 products
      taps.push_back(r);
      origin.push_back(pick(-(r / 2), (r - 1) / 2));
      boundary.push_back(rules[pick(0, 5)]);
      o.axes.push_back(static_cast<std::int64_t>(axes[i]) -
                       (pick(0, 1) == 0 ? static_cast<std::int64_t>(rank) : 0));
    }
    o.boundary = boundary;
    o.origin = origin;
    const Numbers x = small_integers(shape, type, random);
    const DType weights = pick(0, 1) == 0 ? type : is_complex(type) ? c128 : f64;
    const Numbers w = small_integers(taps, is_signed(type) ? weights : u8, random);  // no wraps
    const Tensor xt = x.as(type), wt = w.as(weights);
    ASSERT_EQ(Numbers(correlate(xt, wt, o)), definition(false, x, w, o, axes)) << round;
    ASSERT_EQ(Numbers(convolve(xt, wt, o)), definition(true, x, w, o, axes)) << round;
  }
}

// |error| <= (n + 2) u (|x| * |w|) + u_out |y| with n products, weights and results rounded to the
// accumulator: the bound that docs/promotion.md states. With f64 sums only the result is rounded.
TEST(Random, SinglePrecisionSumsKeepTheirBound) {
  std::mt19937 random(20240613);
  std::normal_distribution<double> draw;
  Tensor exact_x(f64, {40, 50}), w(f64, {7, 9});
  for (double& value : exact_x.values<double>()) value = static_cast<float>(draw(random));
  for (double& value : w.values<double>()) value = draw(random);
  Tensor magnitude_x = exact_x.clone(), magnitude_w = w.clone();
  for (double& value : magnitude_x.values<double>()) value = std::abs(value);
  for (double& value : magnitude_w.values<double>()) value = std::abs(value);
  const Tensor x = compact_copy(exact_x, f32);
  const Values exact = numbers(correlate(exact_x, w));
  const Values magnitude = numbers(correlate(magnitude_x, magnitude_w));
  const Values single = numbers(correlate(x, w));
  const Values wide = numbers(correlate(x, w, {.accumulator = f64}));
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double u = 0x1p-24;
    EXPECT_LE(std::abs(single[i] - exact[i]), (63 + 2) * u * magnitude[i] + u * std::abs(exact[i]));
    EXPECT_LE(std::abs(wide[i] - exact[i]),
              u * std::abs(exact[i]) + 2 * 65 * 0x1p-53 * magnitude[i]);
  }
}

// What sobel and prewitt do axis by axis, each result stored in the type of the image.
Tensor line_by_line(const Tensor& x, const Tensor& smoothing, std::size_t axis,
                    const std::vector<Boundary>& boundary) {
  const Tensor difference = row<double>({-1, 0, 1});
  const auto along = [&](const Tensor& image, const Tensor& w, std::size_t i) {
    return correlate1d(image, w, {.axis = static_cast<std::int64_t>(i), .boundary = boundary[i]});
  };
  Tensor y = along(x, difference, axis);
  for (std::size_t i = 0; i < boundary.size(); ++i) {
    if (i != axis) y = along(y, smoothing, i);
  }
  return y;
}

// Lines that run as one filter give what they give one after the other: on whole numbers to the
// bit, integers that wrap included, and with constants, which lines continue on their own.
TEST(Lines, AtOnceOrInTurnAreTheSame) {
  std::mt19937 random(20240614);
  const Boundary rules[] = {Boundary::zero(),    Boundary::constant(3), Boundary::nearest(),
                            Boundary::reflect(), Boundary::mirror(),    Boundary::wrap()};
  for (const DType type : all_dtypes) {
    for (const Shape& shape : {Shape{40, 50}, Shape{9, 30, 20}}) {
      for (std::size_t round = 0; round < std::size(rules); ++round) {
        std::vector<Boundary> boundary(shape.size(), rules[round]);
        boundary.back() = rules[(round + 1) % std::size(rules)];
        const std::size_t axis = round % shape.size();
        Tensor x = small_integers(shape, type, random).as(type);
        if (type == u8) {  // and some that make the sums wrap
          for (std::uint8_t& value : x.values<std::uint8_t>())
            value = static_cast<std::uint8_t>(random());
        }
        const DerivativeOptions options{.axis = static_cast<std::int64_t>(axis),
                                        .boundary = boundary};
        EXPECT_EQ(numbers(sobel(x, options)),
                  numbers(line_by_line(x, row<double>({1, 2, 1}), axis, boundary)))
            << name(type) << ' ' << round;
        EXPECT_EQ(numbers(prewitt(x, options)),
                  numbers(line_by_line(x, row<double>({1, 1, 1}), axis, boundary)))
            << name(type) << ' ' << round;
      }
    }
  }
}

// With n taps on each of d axes: in turn each line errs by (n + 2) u, as above; at once every tap
// is a product of d rounded ones, rounded, and of its factors, 2 (d + 1) + d + 1 roundings more.
TEST(Lines, KeepTheirBoundInSinglePrecision) {
  std::mt19937 random(20240615);
  std::normal_distribution<double> draw;
  for (const Shape& shape : {Shape{90, 70}, Shape{40, 50, 30}}) {
    Tensor exact_x(f64, shape);
    for (double& value : exact_x.values<double>()) value = static_cast<float>(draw(random));
    Tensor magnitude_x = exact_x.clone();
    for (double& value : magnitude_x.values<double>()) value = std::abs(value);
    const GaussianOptions options{.sigma = 1.0};  // 9 taps, all positive
    const Values exact = numbers(gaussian(exact_x, options));
    const Values magnitude = numbers(gaussian(magnitude_x, options));
    const Values single = numbers(gaussian(compact_copy(exact_x, f32), options));
    const double u = 0x1p-24;
    const auto d = static_cast<double>(shape.size());
    const double roundings = d * (9 + 2) + 3 * (d + 1);
    const double bound = std::expm1(roundings * u);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      ASSERT_LE(std::abs(single[i] - exact[i]), bound * magnitude[i] + u * std::abs(exact[i]));
    }
  }
}

}  // namespace
}  // namespace faltung::image
