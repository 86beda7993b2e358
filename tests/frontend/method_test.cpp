// Every front end's `method`: which engines it allows, and what a contradicting `engine` gives.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <faltung/faltung.hpp>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

bool has_fft() { return std::ranges::count(engine_names(), "cpu.fft") != 0; }

std::int64_t count_nan(const Tensor& y) {
  return std::ranges::count_if(y.values<double>(), [](double v) { return std::isnan(v); });
}

// Ones, with one NaN in the middle.
Tensor ones_and_a_nan(const Shape& shape) {
  Tensor x(f64, shape);
  std::ranges::fill(x.values<double>(), 1.0);
  std::int64_t middle = 0;
  for (const std::int64_t extent : shape) middle = middle * extent + extent / 2;
  x.values<double>()[static_cast<std::size_t>(middle)] = std::numeric_limits<double>::quiet_NaN();
  return x;
}

Tensor ones(const Shape& shape) {
  Tensor x(f64, shape);
  std::ranges::fill(x.values<double>(), 1.0);
  return x;
}

TEST(Method, SignalAndNumpyLowerToIt) {
  const Tensor x = ones({80, 80}), k = ones({31, 31}), line = ones({80}), taps = ones({31});
  const auto engine_of = [](const signal::Lowering& call) {
    return Plan::make(call.problem, Device::cpu(), call.plan).engine();
  };
  const auto engines = [&](Method method) {
    return std::vector<std::string>{
        engine_of(signal::lower_convolve(x, k, {.method = method})),
        engine_of(signal::lower_correlate(x, k, {.method = method})),
        engine_of(signal::lower_convolve2d(x, k, {.method = method})),
        engine_of(signal::lower_correlate2d(x, k, {.method = method})),
        engine_of(signal::lower_upfirdn(taps, line, {.method = method})),
        engine_of(numpy::lower_convolve(line, taps, {.method = method})),
        engine_of(numpy::lower_correlate(line, taps, {.method = method}))};
  };
  for (const std::string& engine : engines(Method::direct)) EXPECT_NE(engine, "cpu.fft");
  if (!has_fft()) GTEST_SKIP() << "this build has no cpu.fft";
  for (const std::string& engine : engines(Method::fft)) EXPECT_EQ(engine, "cpu.fft");
}

TEST(Method, DirectKeepsNanToItsProducts) {
  const Tensor x = ones_and_a_nan({80, 80}), k = ones({31, 31});
  EXPECT_EQ(
      count_nan(signal::convolve(x, k, {.mode = signal::Mode::same, .method = Method::direct})),
      31 * 31);
  EXPECT_EQ(
      count_nan(signal::convolve2d(x, k, {.mode = signal::Mode::same, .method = Method::direct})),
      31 * 31);
  const Tensor line = ones_and_a_nan({1001}), taps = ones({101});
  EXPECT_EQ(count_nan(numpy::convolve(line, taps, {.method = Method::direct})), 101);
  EXPECT_EQ(count_nan(numpy::correlate(line, taps, {.method = Method::direct})), 101);
}

// The ramp 10^(9 i) with itself: the first result is 1, beside sums of up to 1e144 and more.
TEST(Method, DirectKeepsSmallSumsBesideLargeOnes) {
  std::vector<double> ramp;
  for (int i = 0; i < 17; ++i) ramp.push_back(std::pow(10.0, 9 * i));
  const Tensor x = Tensor::from(std::span<const double>(ramp), {17});
  const Tensor y = numpy::convolve(x, x, {.method = Method::direct});
  for (std::size_t i = 0; i < ramp.size(); ++i) {
    const double exact = static_cast<double>(i + 1) * ramp[i];
    EXPECT_NEAR(y.values<double>()[i], exact, 64 * exact * std::ldexp(1.0, -53));
  }
}

Tensor as_f32(const Tensor& x) { return compact_copy(x, DType::f32); }

std::int64_t count_nan_f32(const Tensor& y) {
  return std::ranges::count_if(y.values<float>(), [](float v) { return std::isnan(v); });
}

// Also for windows long enough that FFT would be the faster engine.
TEST(Method, AutomaticImageFiltersKeepNanToTheirWindows) {
  const Tensor x = ones_and_a_nan({300, 300}), single = as_f32(x);
  EXPECT_EQ(count_nan(image::uniform(x, {.size = 101})), 101 * 101);
  EXPECT_EQ(count_nan_f32(image::uniform(single, {.size = 101})), 101 * 101);
  EXPECT_EQ(count_nan(image::gaussian(x, {.radius = 50})), 101 * 101);
  EXPECT_EQ(count_nan_f32(image::gaussian(single, {.radius = 50})), 101 * 101);
  EXPECT_EQ(count_nan_f32(image::sobel(single)), 9);
  EXPECT_EQ(count_nan(image::gaussian_laplace(x, {.sigma = 5.0, .truncate = 10})), 101 * 101);
}

TEST(Method, AutomaticImageFiltersKeepSmallValuesBesideLargeOnes) {
  constexpr std::int64_t extent = 5000, size = 999, spike = 2500;
  Tensor x = ones({extent});
  x.values<double>()[spike] = 1e20;
  for (const Method method : {Method::automatic, Method::direct}) {
    const Tensor mean = image::uniform(x, {.size = size, .method = method});
    const Tensor blurred =
        image::gaussian(x, {.sigma = 100.0, .radius = size / 2, .method = method});
    for (std::int64_t i = 0; i < extent; ++i) {
      if (std::abs(i - spike) <= size / 2) continue;
      // Means and blurs of ones; at most size + 2 roundings.
      ASSERT_NEAR(mean.values<double>()[static_cast<std::size_t>(i)], 1, (size + 2) * 0x1p-53) << i;
      ASSERT_NEAR(blurred.values<double>()[static_cast<std::size_t>(i)], 1,
                  2 * (size + 2) * 0x1p-53)
          << i;
    }
  }
}

TEST(Method, DirectImageConvolutionKeepsNanToItsProducts) {
  const Tensor x = ones_and_a_nan({80, 80}), w = ones({31, 31}), line = ones({31});
  EXPECT_EQ(count_nan(image::convolve(x, w, {.method = Method::direct})), 31 * 31);
  EXPECT_EQ(count_nan(image::correlate(x, w, {.method = Method::direct})), 31 * 31);
  EXPECT_EQ(count_nan(image::convolve1d(x, line, {.method = Method::direct})), 31);
}

// A normwise error shows which engine ran: a spike of 1e20 drowns ones everywhere.
TEST(Method, FftImageFiltersTakeIt) {
  if (!has_fft()) GTEST_SKIP() << "this build has no cpu.fft";
  Tensor x = ones({2000});
  x.values<double>()[1000] = 1e20;
  const auto drowned = [](const Tensor& y) { return std::abs(y.values<double>()[700] - 1) > 0.5; };
  Tensor w = ones({201});
  for (double& tap : w.values<double>()) tap /= 201;
  EXPECT_TRUE(drowned(image::uniform(x, {.size = 201, .method = Method::fft})));
  EXPECT_TRUE(drowned(image::gaussian(x, {.radius = 100, .method = Method::fft})));
  EXPECT_TRUE(drowned(image::convolve(x, w, {.method = Method::fft})));
  EXPECT_FALSE(drowned(image::convolve(x, w, {.method = Method::direct})));
}

// Both are named, so that the reader need not search for the other.
TEST(Method, OfAnotherKindThanTheEngineIsRefused) {
  const Tensor x = ones({8, 8}), line = ones({8});
  const std::string direct = "method is direct, but engine is 'cpu.fft'";
  const std::string fft = "method is fft, but engine is 'direct'";
  EXPECT_REFUSED(signal::convolve(x, x, {.method = Method::direct, .run = {.engine = "cpu.fft"}}),
                 direct);
  EXPECT_REFUSED(signal::convolve(x, x, {.method = Method::fft, .run = {.engine = "direct"}}), fft);
  EXPECT_REFUSED(signal::convolve2d(x, x, {.method = Method::direct, .run = {.engine = "cpu.fft"}}),
                 direct);
  EXPECT_REFUSED(signal::upfirdn(line, line, {.method = Method::fft, .run = {.engine = "direct"}}),
                 fft);
  EXPECT_REFUSED(
      numpy::convolve(line, line, {.method = Method::direct, .run = {.engine = "cpu.fft"}}),
      direct);
  EXPECT_REFUSED(numpy::correlate(line, line, {.method = Method::fft, .run = {.engine = "direct"}}),
                 fft);
  EXPECT_REFUSED(image::convolve(x, x, {.method = Method::fft, .run = {.engine = "direct"}}), fft);
  EXPECT_REFUSED(
      image::correlate1d(x, line, {.method = Method::direct, .run = {.engine = "cpu.fft"}}),
      direct);
  EXPECT_REFUSED(image::gaussian(x, {.method = Method::fft, .run = {.engine = "direct"}}), fft);
  EXPECT_REFUSED(image::uniform(x, {.method = Method::direct, .run = {.engine = "cpu.fft"}}),
                 direct);
  EXPECT_REFUSED(image::sobel(x, {.method = Method::fft, .run = {.engine = "direct"}}), fft);
  EXPECT_REFUSED(image::laplace(x, {.method = Method::direct, .run = {.engine = "cpu.fft"}}),
                 direct);
  EXPECT_REFUSED(image::gaussian(x, {.method = static_cast<Method>(7)}), "method has the value 7");
  EXPECT_REFUSED(signal::convolve(x, x, {.method = Method::direct, .run = {.engine = "fft"}}),
                 "engine is 'fft'");
  EXPECT_REFUSED(
      signal::convolve(x, x, {.method = Method::direct, .run = {.engine = "cpu.fft/transforms"}}),
      "engine is 'cpu.fft/transforms'");
  EXPECT_EQ(signal::convolve(x, x, {.method = Method::fft, .run = {.engine = "cpu.fft/transforms"}})
                .shape(),
            (Shape{15, 15}));
  EXPECT_REFUSED(
      signal::convolve(x, x, {.method = Method::direct, .run = {.engine = "cuda.fft_block"}}),
      "engine is 'cuda.fft_block'");
  EXPECT_NO_THROW(
      (void)signal::convolve(x, x, {.method = Method::direct, .run = {.engine = "direct"}}));
  if (!has_fft()) GTEST_SKIP() << "this build has no cpu.fft";
  EXPECT_NO_THROW(
      (void)signal::convolve(x, x, {.method = Method::fft, .run = {.engine = "cpu.fft"}}));
}

// The ends of a type, so that hardly a sum fits.
Tensor ends(DType type, const Shape& shape) {
  Tensor x(type, shape);
  visit_dtype(type, [&](auto element) {
    using T = decltype(element);
    if constexpr (std::is_integral_v<T>) {
      int i = 0;
      for (T& value : x.values<T>()) {
        const bool low = ++i % 5 < 2;
        value = low ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
      }
    }
  });
  return x;
}

TEST(Method, FftRefusesNoIntegersAndGivesTheSame) {
  if (!has_fft()) GTEST_SKIP() << "this build has no cpu.fft";
  for (const DType type : {i8, u8, i16, u16, i32, u32, i64, u64}) {
    for (const Shape& taps : {Shape{301}, Shape{21, 20}, Shape{7, 6, 5}}) {
      SCOPED_TRACE(::testing::Message() << name(type) << ' ' << taps.size());
      Shape shape = taps, layer_shape = {2, 3}, filter_shape = {2, 3};
      for (std::size_t a = 0; a < taps.size(); ++a) shape[a] = 2 * taps[a] + 3;
      for (const std::int64_t extent : shape) layer_shape.push_back(extent);
      for (const std::int64_t extent : taps) filter_shape.push_back(extent);
      const Tensor x = ends(type, shape), k = ends(type, taps);
      const Tensor layer = ends(type, layer_shape), filter = ends(type, filter_shape);
      const auto results = [&](Method method) {
        std::vector<Tensor> all;
        all.push_back(convolve(x, k, {.method = method}));
        all.push_back(signal::correlate(x, k, {.mode = signal::Mode::same, .method = method}));
        all.push_back(image::convolve(x, k, {.output = type, .method = method}));
        all.push_back(image::correlate(
            x, k, {.output = u8, .store = {.overflow = Overflow::saturate}, .method = method}));
        all.push_back(nn::conv(layer, filter, {.padding = 1, .method = method}));
        if (taps.size() == 1) all.push_back(numpy::convolve(x, k, {.method = method}));
        return all;
      };
      const std::vector<Tensor> direct = results(Method::direct), fft = results(Method::fft);
      for (std::size_t i = 0; i < direct.size(); ++i) {
        ASSERT_EQ(direct[i].bytes(), fft[i].bytes());
        EXPECT_EQ(std::memcmp(direct[i].data(), fft[i].data(), fft[i].bytes()), 0) << i;
      }
    }
  }
}

TEST(Method, HasNames) {
  for (const Method method : {Method::automatic, Method::direct, Method::fft}) {
    EXPECT_EQ(parse_method(name(method)), method);
  }
  EXPECT_EQ(parse_method("auto"), Method::automatic);
  EXPECT_REFUSED(parse_method("FFT"), "automatic, direct, fft");
  EXPECT_EQ(name(static_cast<Method>(200)), "unknown");
}

}  // namespace
}  // namespace faltung
