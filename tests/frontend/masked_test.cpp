// Masked convolution against its definition, astropy, pandas and xarray.

#include <gtest/gtest.h>

#include <cmath>
#include <faltung/faltung.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/frontend/masked_trial.hpp"
#include "tests/golden/golden.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

using image::masked_convolve;
using image::masked_correlate;
using image::MaskedOptions;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

const std::vector<double>& theirs(const std::string& name) {
  static const auto cases = golden::read("masked.txt");
  return cases.at(name);
}

// As make_masked.py: NaN at every fifth element, and in a block.
Tensor holes(const Shape& shape) {
  Tensor x = golden::sequence<double>(shape);
  const auto values = x.values<double>();
  for (std::size_t i = 0; i < values.size(); i += 5) values[i] = nan;
  for (std::int64_t r = 1; shape.size() == 2 && r < 4; ++r) {
    for (std::int64_t c = 2; c < 6; ++c) x.at<double>(r, c) = nan;
  }
  return x;
}

Tensor cube() {
  Tensor w(f64, {3, 3, 3});
  double next = 1;
  for (double& tap : w.values<double>()) tap = next++;
  return w;
}

// Both sum up to 27 products of values up to 50 by taps of one sign, and divide: each sum errs by
// at most 29 u of its magnitude, on either side, and the quotient by 4 u.
void expect_as(const Tensor& y, const std::string& name, double gain = 1) {
  const std::vector<double> ours = golden::numbers(y), &other = theirs(name);
  ASSERT_EQ(ours.size(), other.size()) << name;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(std::isnan(ours[i]), std::isnan(other[i])) << name << ", element " << i;
    if (!std::isnan(ours[i])) {
      EXPECT_NEAR(ours[i], other[i], 2 * (2 * 29 + 4) * 0x1p-53 * 50 * gain)
          << name << ", element " << i;
    }
  }
}

TEST(Masked, IsAstropys) {
  const Tensor image = holes({7, 9}), whole = golden::sequence<double>({7, 9});
  const Tensor line = holes({23}), volume = holes({3, 4, 5});
  const Tensor square = Tensor::from<double>({1, 2, 0, 3, 5, 1, 0.5, 2, 4}, {3, 3});
  const Tensor row = Tensor::from<double>({1, 4, 2, 3, 0.5});
  Tensor weights(f64, {7, 9});
  for (double& weight : weights.values<double>()) weight = 1;
  weights.at<double>(0, 0) = weights.at<double>(5, 5) = weights.at<double>(6, 8) = 0;
  const std::pair<const char*, Boundary> boundaries[] = {
      {"fill", Boundary::constant(0)}, {"wrap", Boundary::wrap()}, {"extend", Boundary::nearest()}};
  for (const auto& [name, boundary] : boundaries) {
    const std::string end = std::string(" ") + name;
    MaskedOptions o{.boundary = boundary, .fill = std::nullopt};
    expect_as(masked_convolve(image, square, o), "interpolate" + end);
    expect_as(masked_convolve(line, row, o), "line" + end);
    expect_as(masked_convolve(volume, cube(), o), "volume" + end);
    o.keep_gain = true;
    expect_as(masked_convolve(image, square, o), "gain" + end, 18.5);
    o.keep_gain = false;
    o.preserve_nan = true;
    expect_as(masked_convolve(image, square, o), "preserve" + end);
    // Its one fill_value stands outside, too.
    const bool outside = boundary.kind == BoundaryKind::constant;
    expect_as(masked_convolve(image, square,
                              {.boundary = outside ? Boundary::constant(-7) : boundary,
                               .nan = NanRule::value,
                               .nan_value = -7}),
              "fill nan" + end);
    expect_as(masked_convolve(whole, square, {.boundary = boundary, .weights = weights}),
              "mask" + end);
  }
  expect_as(masked_convolve(image, square, {.boundary = Boundary::constant(9)}),
            "interpolate fill 9");
  expect_as(
      masked_convolve(image, square,
                      {.boundary = Boundary::nearest(), .nan = NanRule::value, .keep_gain = true}),
      "fill nan raw", 18.5);
  Tensor nothing(f64, {4, 5});
  for (double& value : nothing.values<double>()) value = nan;
  expect_as(masked_convolve(nothing, square, {.boundary = Boundary::nearest()}), "all nan");
  Tensor box(f64, {3, 3});
  for (double& tap : box.values<double>()) tap = 1;
  expect_as(masked_convolve(image, box, {.boundary = Boundary::nearest()}), "box");
}

TEST(Masked, IsPandasAndXarraysRolling) {
  Tensor five(f64, {5}), nine(f64, {3, 3});
  for (double& tap : five.values<double>()) tap = 1;
  for (double& tap : nine.values<double>()) tap = 1;
  const Tensor line = holes({23}), image = holes({7, 9});
  for (const std::int64_t periods : {0, 1, 3, 5}) {
    const std::string name = "rolling " + std::to_string(periods);
    expect_as(masked_correlate(line, five, {.boundary = Boundary::zero(), .min_count = periods}),
              name);
    expect_as(
        signal::masked_convolve(line, five, {.mode = signal::Mode::same, .min_count = periods}),
        name);
  }
  for (const std::int64_t periods : {1, 4, 8}) {
    expect_as(masked_convolve(image, nine, {.boundary = Boundary::zero(), .min_count = periods}),
              "xarray " + std::to_string(periods));
  }
  const Tensor triangle = Tensor::from<double>({1. / 3, 2. / 3, 1, 2. / 3, 1. / 3});
  expect_as(masked_convolve(line, triangle, {.boundary = Boundary::zero(), .min_count = 2}),
            "weighted rolling");
}

TEST(Masked, IsItsDefinition) {
  test::Draw draw(7);
  test::Judged judged;
  for (int round = 0; round < 1500; ++round) {
    const auto r = test::draw_masked(draw, test::Signs::both);
    const DType type = round % 3 == 0 ? f64 : round % 3 == 1 ? f32 : f16;
    const Tensor y = test::masked_result(r, type);
    ASSERT_EQ(y.dtype(), type);
    test::expect_definition(r, y, judged, "round " + std::to_string(round));
  }
  EXPECT_GT(judged.empty, 1000);
  EXPECT_GT(judged.full, 10000);
}

TEST(Masked, WithoutMissingDataIsTheConvolutionDividedByTheSumOfTaps) {
  const Tensor x = golden::sequence<float>({20, 30}), w = Tensor::from<float>({1, 2, 4, 2}, {2, 2});
  const Tensor plain = image::convolve(x, w, {.method = Method::direct});
  const Tensor same = masked_convolve(x, w, {.keep_gain = true});
  EXPECT_EQ(golden::numbers(same), golden::numbers(plain));  // bit for bit
  const Tensor divided = masked_convolve(x, w);
  for (std::size_t i = 0; i < 600; ++i) {
    EXPECT_EQ(divided.values<float>()[i], plain.values<float>()[i] / 9);
  }
}

TEST(Masked, AnInfinityOfWeight0IsMissingAndOneOfWeight1Counts) {
  Tensor x = golden::sequence<double>({9}), weights = Tensor::zeros(f64, {9});
  for (double& weight : weights.values<double>()) weight = 1;
  x.at<double>(2) = inf;
  x.at<double>(6) = -inf;
  weights.at<double>(2) = 0;
  const Tensor w = Tensor::from<double>({1, 2, 1});
  const Tensor y = masked_convolve(x, w, {.weights = weights});
  for (std::int64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(std::isfinite(y.at<double>(i)), i < 5 || i > 7) << i;
    if (i >= 5 && i <= 7) {
      EXPECT_EQ(y.at<double>(i), -inf);
    }
  }
  EXPECT_EQ(y.at<double>(2), (x.at<double>(1) + x.at<double>(3)) / 2);
  // NaN that spreads, beside weights that leave it out.
  x.at<double>(2) = nan;
  x.at<double>(6) = nan;
  const Tensor z = masked_convolve(x, w, {.weights = weights, .nan = NanRule::spread});
  for (std::int64_t i = 0; i < 9; ++i) EXPECT_EQ(std::isnan(z.at<double>(i)), i >= 5 && i <= 7);
}

TEST(Masked, AllMissingAndNoneMissing) {
  Tensor x(f32, {4, 6});
  for (float& value : x.values<float>()) value = std::numeric_limits<float>::quiet_NaN();
  const Tensor w = Tensor::from<float>({1, 1, 1, 1, 1, 1}, {2, 3});
  const auto all = [](const Tensor& y, auto is) {
    for (const float value : y.values<float>()) {
      if (!is(value)) return false;
    }
    return true;
  };
  EXPECT_TRUE(all(masked_convolve(x, w), [](float y) { return std::isnan(y); }));
  EXPECT_TRUE(all(masked_convolve(x, w, {.fill = 3}), [](float y) { return y == 3; }));
  EXPECT_TRUE(
      all(masked_convolve(x, w, {.fill = std::nullopt}), [](float y) { return std::isnan(y); }));
  const Tensor zeros = Tensor::zeros(u8, {1, 1}), ones = Tensor::from<std::uint8_t>({1}, {1, 1});
  const Tensor data = golden::sequence<float>({4, 6});
  EXPECT_TRUE(
      all(masked_convolve(data, w, {.weights = zeros, .fill = 5}), [](float y) { return y == 5; }));
  EXPECT_EQ(golden::numbers(masked_convolve(data, w, {.weights = ones})),
            golden::numbers(masked_convolve(data, w)));
  EXPECT_EQ(masked_convolve(Tensor(f32, {0, 3}), w).shape(), (Shape{0, 3}));
}

TEST(Masked, TheMinimumIsReachedExactly) {
  // Windows of the data alone hold 3, at the ends 2.
  const Tensor x = golden::sequence<float>({20}), w = Tensor::from<float>({0.1F, 0.1F, 0.1F});
  const auto empties = [&](const MaskedOptions& o) {
    MaskedOptions outside = o;
    outside.boundary = Boundary::zero();
    int count = 0;
    for (const float y : masked_convolve(x, w, outside).values<float>()) count += std::isnan(y);
    return count;
  };
  EXPECT_EQ(empties({}), 0);
  EXPECT_EQ(empties({.min_count = 2}), 0);
  EXPECT_EQ(empties({.min_count = 3}), 2);
  EXPECT_EQ(empties({.min_weight = 0.66}), 0);
  EXPECT_EQ(empties({.min_weight = 0.67}), 2);
  EXPECT_EQ(empties({.min_weight = 1}), 2);  // whole windows are whole, whatever rounding says
}

TEST(Masked, ByFftFindsTheEmptyWindows) {
  std::mt19937 random(3);
  Tensor x(f64, {4000});
  const auto values = x.values<double>();
  for (double& value : values) value = static_cast<double>(random() % 200) - 100;
  for (std::size_t i = 1000; i < 2500; ++i) values[i] = nan;
  Tensor w(f64, {301});
  for (double& tap : w.values<double>()) tap = 1 + static_cast<double>(random() % 9);
  const MaskedOptions direct{.method = Method::direct}, fft{.method = Method::fft};
  const Tensor a = masked_convolve(x, w, direct), b = masked_convolve(x, w, fft);
  // 4 u log2 n of the norms of the data, 100 sqrt(4000), and of the taps, for either sum.
  const double norms = 4 * 0x1p-53 * 12 * std::sqrt(4000.0) * std::sqrt(301.0 * 81);
  int empty = 0;
  for (std::int64_t i = 0; i < 4000; ++i) {
    ASSERT_EQ(std::isnan(a.at<double>(i)), std::isnan(b.at<double>(i))) << i;
    empty += std::isnan(a.at<double>(i));
    if (std::isnan(a.at<double>(i))) continue;
    EXPECT_NEAR(a.at<double>(i), b.at<double>(i), 2 * norms * 2 * 100) << i;  // divisors >= 1
  }
  EXPECT_EQ(empty, 1200);
}

TEST(Masked, OfSignalsHasThreeModes) {
  const Tensor x = holes({23}), k = Tensor::from<double>({1, 4, 2, 3});
  for (const signal::Mode mode : {signal::Mode::full, signal::Mode::same, signal::Mode::valid}) {
    for (const bool correlates : {false, true}) {
      const Tensor y = correlates ? signal::masked_correlate(x, k, {.mode = mode})
                                  : signal::masked_convolve(x, k, {.mode = mode});
      // Sums of both by hand, in the full result.
      const std::int64_t first = mode == signal::Mode::full   ? 0
                                 : mode == signal::Mode::same ? 1
                                                              : 3;
      for (std::int64_t i = 0; i < y.size(); ++i) {
        double sum = 0, divisor = 0;
        for (std::int64_t r = 0; r < 4; ++r) {
          const std::int64_t j = first + i - r;
          if (j < 0 || j >= 23 || std::isnan(x.at<double>(j))) continue;
          const double tap = k.at<double>(correlates ? 3 - r : r);
          sum += tap * x.at<double>(j);
          divisor += tap;
        }
        if (divisor == 0) {
          EXPECT_TRUE(std::isnan(y.at<double>(i)));
        } else {
          EXPECT_EQ(y.at<double>(i), sum / divisor) << name(mode) << ' ' << i;  // sums are whole
        }
      }
    }
  }
  EXPECT_EQ(signal::masked_convolve(x, k).size(), 26);
  const Tensor longer = golden::sequence<double>({23});
  EXPECT_EQ(signal::masked_convolve(k, longer, {.mode = signal::Mode::valid}).size(), 20);
}

TEST(Masked, RefusesWhatHasNoMeaning) {
  const Tensor x = golden::sequence<double>({9}), w = Tensor::from<double>({1, 2, 1});
  const Tensor difference = Tensor::from<double>({-1, 0, 1}),
               bytes = golden::sequence<std::uint8_t>({9});
  const Tensor negative = Tensor::from<double>({1, 1, -1, 1, 1, 1, 1, 1, 1});
  const auto run = [&](const MaskedOptions& o) { return masked_convolve(x, w, o); };
  EXPECT_REFUSED(masked_convolve(bytes, w), "x has type u8");
  EXPECT_REFUSED(masked_convolve(x, difference), "w sums to 0");
  EXPECT_REFUSED(masked_convolve(x, difference, {.nan = NanRule::spread}), "w sums to 0");
  EXPECT_EQ(masked_convolve(x, difference, {.nan = NanRule::spread, .keep_gain = true}).size(), 9);
  EXPECT_REFUSED(run({.weights = negative}), "negative");
  EXPECT_REFUSED(run({.weights = difference}), "weights has shape 3, x has 9");
  EXPECT_REFUSED(run({.min_weight = 2}), "min_weight is 2");
  EXPECT_REFUSED(run({.min_count = 4}), "min_count is 4, w has 3 taps");
  EXPECT_REFUSED(run({.nan = NanRule::spread, .min_count = 2}), "nothing can be missing");
  EXPECT_REFUSED(run({.nan_value = 1}), "nan_value is 1");
  EXPECT_REFUSED(run({.output = i32}), "output is i32");
  EXPECT_REFUSED(run({.accumulator = f32}), "which it would round");
  EXPECT_REFUSED(run({.origin = 2}), "origin 2");
  EXPECT_REFUSED(parse_nan_rule("ignore"), "'ignore'");
  EXPECT_EQ(parse_nan_rule("spread"), NanRule::spread);
  ConstTensorView there = x;
  there.device = Device::cuda(0);
  EXPECT_THROW((void)image::plan_masked_convolve(there, w), Error);
}

}  // namespace
}  // namespace faltung
