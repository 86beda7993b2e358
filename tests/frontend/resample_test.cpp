#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <faltung/faltung.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/golden/golden.hpp"
#include "tests/support/refusal.hpp"

namespace faltung::signal {
namespace {

constexpr PadType all_pad_types[] = {
    PadType::constant,    PadType::symmetric, PadType::reflect, PadType::edge,
    PadType::wrap,        PadType::smooth,    PadType::line,    PadType::antisymmetric,
    PadType::antireflect, PadType::mean,      PadType::median,  PadType::maximum,
    PadType::minimum};

const std::vector<double>& scipy(const std::string& name) {
  static const auto cases = golden::read("resample.txt");
  return cases.at(name);
}

// SciPy's filters and ours are rounded alike but for the last bits of the Bessel function and the
// sum: 60 u. Sums of fewer than 200 products by taps of at most 1, of magnitudes up to `largest`.
void expect_as_scipy(const Tensor& y, const std::string& name, double largest) {
  const std::vector<double> ours = golden::numbers(y), &theirs = scipy(name);
  ASSERT_EQ(ours.size(), theirs.size()) << name;
  const double bound = (2 * 200 + 60) * 0x1p-53 * 200 * largest;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_NEAR(ours[i], theirs[i], bound) << name << ", element " << i;
  }
}

TEST(ResamplePoly, IsSciPysForEveryPadType) {
  const Tensor line = golden::sequence<double>({23}), image = golden::sequence<double>({6, 5});
  for (const PadType type : all_pad_types) {
    // The lines of smooth and antireflect leave the range of x by 20 steps of 100.
    expect_as_scipy(resample_poly(line, 3, 2, {.padtype = type}), "line " + std::string(name(type)),
                    4000);
    expect_as_scipy(resample_poly(image, 4, 10, {.axis = 1, .padtype = type}),
                    "image " + std::string(name(type)), 4000);
  }
}

TEST(ResamplePoly, IsSciPysForEveryOption) {
  const Tensor line = golden::sequence<double>({23}), image = golden::sequence<double>({6, 5});
  expect_as_scipy(resample_poly(line, 2, 3, {.cval = -7}), "cval", 50);
  expect_as_scipy(resample_poly(line, 4, 3, {.beta = 8.5}), "beta", 50);
  const Tensor taps = Tensor::from<double>({1, 3, 4, 2}, {4});
  expect_as_scipy(resample_poly(line, 3, 4, {.taps = taps}), "taps", 50);
  const Tensor tap = Tensor::from<double>({0.5}, {1});
  expect_as_scipy(resample_poly(line, 2, 5, {.taps = tap}), "one tap", 50);
  expect_as_scipy(resample_poly(image, 7, 5), "first axis", 50);
  const Tensor bytes = resample_poly(golden::sequence<std::uint8_t>({12}), 5, 4);
  EXPECT_EQ(bytes.dtype(), f64);
  expect_as_scipy(bytes, "bytes", 100);

  Tensor complex(c128, {23});
  for (std::size_t i = 0; i < 23; ++i) {
    complex.values<std::complex<double>>()[i] = {line.values<double>()[i],
                                                 line.values<double>()[22 - i]};
  }
  expect_as_scipy(resample_poly(complex, 3, 5, {.padtype = PadType::median}), "complex", 150);
}

TEST(ResamplePoly, FiltersAsFirwin) {
  expect_as_scipy(filters::low_pass(1, 0.3, 5), "low pass 1", 1);
  expect_as_scipy(filters::low_pass(2, 0.5, 0), "low pass 2", 1);
  expect_as_scipy(filters::low_pass(11, 0.25, 5), "low pass 11", 1);
  expect_as_scipy(filters::low_pass(24, 0.9, 12.5), "low pass 24", 1);
  EXPECT_TRUE(std::isfinite(filters::low_pass(101, 0.5, 700).values<double>()[50]));
}

// Element j of what upfirdn gives stands half a filter later: at times j down + (taps-1)/2.
TEST(ResamplePoly, KeepsThoseElementsOfUpfirdnThatMeetTheMiddleOfTheFilter) {
  std::mt19937 random(5);
  const auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  for (int trial = 0; trial < 200; ++trial) {
    const int n = draw(1, 20), up = draw(1, 5), down = draw(1, 5), m = draw(1, 15);
    std::vector<double> x(static_cast<std::size_t>(n)), h(static_cast<std::size_t>(m));
    for (double& value : x) value = draw(-5, 5);
    for (double& value : h) value = draw(-5, 5);
    const int divisor = std::gcd(up, down), u = up / divisor, d = down / divisor;
    if (u == 1 && d == 1) continue;
    const PadType type = all_pad_types[trial % 9];
    const Tensor signal = Tensor::from<double>(x, {n}), taps = Tensor::from<double>(h, {m});
    if (n == 1 && type == PadType::line) continue;
    const Tensor y = resample_poly(signal, up, down,
                                   {.taps = taps, .padtype = type, .run = {.engine = "direct"}});
    // All samples at the rate of the up-sampled signal, long enough behind.
    std::vector<double> longer(h);
    longer.resize(h.size() + static_cast<std::size_t>(u * d + m), 0);
    const Tensor all =
        upfirdn(Tensor::from<double>(longer, {std::ssize(longer)}), signal,
                {.up = u, .mode = static_cast<Extension>(type), .run = {.engine = "direct"}});
    ASSERT_EQ(y.size(), (n * u + d - 1) / d);
    for (std::int64_t i = 0; i < y.size(); ++i) {
      const auto at = static_cast<std::size_t>(i * d + (m - 1) / 2);
      EXPECT_NEAR(y.values<double>()[static_cast<std::size_t>(i)], u * all.values<double>()[at],
                  1e-10)  // lines have slopes that are not whole; all else is
          << "trial " << trial << ": " << name(type) << " n " << n << " taps " << m << " rate "
          << up << "/" << down;
    }
  }
}

TEST(ResamplePoly, ReturnsACopyAtTheRatioOne) {
  const Tensor x = Tensor::from<std::int16_t>({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor y = resample_poly(x, 6, 6);
  EXPECT_EQ(y.dtype(), i16);
  EXPECT_EQ(golden::numbers(y), (std::vector<double>{1, 2, 3, 4, 5, 6}));
}

TEST(ResamplePoly, HasTheTypesOfSciPy) {
  const auto type = [](DType x) { return resample_poly(Tensor::zeros(x, {3}), 2, 1).dtype(); };
  EXPECT_EQ(type(f16), f32);
  EXPECT_EQ(type(f32), f32);
  EXPECT_EQ(type(f64), f64);
  EXPECT_EQ(type(c64), c64);
  EXPECT_EQ(type(c128), c128);
  EXPECT_EQ(type(u8), f64);
  EXPECT_EQ(type(i64), f64);
  EXPECT_EQ(resample_poly(Tensor::zeros(f64, {0, 3}), 3, 2, {.axis = 1}).shape(), (Shape{0, 5}));
  // Means and medians of integers are f64, whatever type the filter has.
  const Tensor bytes = Tensor::zeros(u8, {5}), taps = Tensor::zeros(i16, {3});
  for (const PadType padtype : {PadType::mean, PadType::median}) {
    const ResamplePolyOptions options{.taps = taps, .padtype = padtype};
    EXPECT_EQ(resample_poly(bytes, 2, 1, options).dtype(), f64);
    EXPECT_EQ(plan_resample_poly(bytes, 2, 1, options).y_dtype(), f64);
    Tensor y = Tensor::zeros(f64, {10});
    resample_poly(bytes, 2, 1, y, options);
  }
  EXPECT_EQ(resample_poly(bytes, 2, 1, {.taps = taps, .padtype = PadType::maximum}).dtype(), f32);
}

TEST(ResamplePoly, ANaNInALineMakesItsMedianNaN) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = Tensor::from<double>({1, nan, 3, 4, 5, 6}, {3, 2});
  const Tensor y = resample_poly(x, 2, 1, {.padtype = PadType::median});
  for (std::int64_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(std::isnan(y.values<double>()[static_cast<std::size_t>(i)]), i % 2 == 1) << i;
  }
}

TEST(ResamplePoly, RefusesWhatHasNoMeaning) {
  const Tensor x = Tensor::from<double>({1, 2, 3}, {3});
  EXPECT_REFUSED(resample_poly(x, 0, 1), "up is 0");
  EXPECT_REFUSED(resample_poly(x, 2, -1), "down -1");
  EXPECT_REFUSED(resample_poly(x, 2, 1, {.axis = 1}), "axis 1 does not exist");
  EXPECT_REFUSED(resample_poly(Tensor::zeros(f64, {}), 2, 1), "rank 0");
  EXPECT_REFUSED(resample_poly(x, 2, 1, {.padtype = PadType::mean, .cval = 1}), "padtype mean");
  EXPECT_REFUSED(resample_poly(x, 2, 1, {.beta = -1}), "beta is -1");
  EXPECT_REFUSED(resample_poly(x, 2, 1, {.taps = Tensor::zeros(f64, {2, 2})}),
                 "taps has shape 2x2");
  EXPECT_REFUSED(resample_poly(x, (std::int64_t{1} << 61) + 1, 1), "give `taps`");
  EXPECT_REFUSED(parse_pad_type("odd"), "'odd'");
  EXPECT_REFUSED(filters::low_pass(0, 0.5), "taps is 0");
  EXPECT_REFUSED(filters::low_pass(5, 1), "cutoff is 1");
  for (const PadType type : all_pad_types) EXPECT_EQ(parse_pad_type(name(type)), type);
}

}  // namespace
}  // namespace faltung::signal
