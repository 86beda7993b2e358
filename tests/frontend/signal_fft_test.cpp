// The front ends where they ask for an FFT engine by name.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <faltung/faltung.hpp>
#include <random>
#include <vector>

#include "tests/support/direct_sum.hpp"

namespace faltung {
namespace {

using signal::Lowering;
using signal::Method;

class SignalFft : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::ranges::count(engine_names(), "cpu.fft") == 0) {
      GTEST_SKIP() << "this build has no cpu.fft";
    }
  }

  Tensor uniform(DType dtype, const Shape& shape) {
    Numbers numbers(shape);
    std::uniform_real_distribution<double> draw(-1, 1);
    for (auto& value : numbers.values) value = {draw(random), is_complex(dtype) ? draw(random) : 0};
    return numbers.as(dtype);
  }

  std::mt19937 random{7};
};

double norm(const Numbers& numbers) {
  double sum = 0;
  for (const auto& value : numbers.values) sum += std::norm(value);
  return std::sqrt(sum);
}

double distance(const Numbers& a, const Numbers& b) {
  Numbers difference = a;
  for (std::size_t i = 0; i < a.values.size(); ++i) difference.values[i] -= b.values[i];
  return norm(difference);
}

// Only for one signal and one filter: with batches the bound holds for each pair.
void expect_within_bound(const Lowering& call, const Tensor& x, const Tensor& k, const Tensor& y,
                         const Numbers& exact) {
  const Plan plan = Plan::make(call.problem, Device::cpu(), call.plan);
  EXPECT_EQ(plan.engine(), "cpu.fft");
  ASSERT_EQ(y.shape(), exact.shape);
  const double limit = plan.error_bound().constant * norm(Numbers(x)) * norm(Numbers(k)) +
                       unit_roundoff(y.dtype()) * norm(exact);
  EXPECT_LE(distance(Numbers(y), exact), limit) << call.problem;
}

TEST_F(SignalFft, FftconvolveKeepsItsBound) {
  const std::pair<Shape, Shape> shapes[] = {
      {{300}, {41}}, {{41}, {300}}, {{20, 31}, {7, 4}}, {{5, 6, 7}, {3, 8, 2}}};
  const std::pair<DType, DType> types[] = {{f64, f64}, {f32, f32}, {c64, c64}, {c128, f64},
                                           {f32, f64}, {f16, f16}, {i16, i16}, {u8, f32}};
  for (const auto& [xs, ks] : shapes) {
    for (const auto& [xt, kt] : types) {
      const Tensor x = uniform(xt, xs), k = uniform(kt, ks);
      expect_within_bound(signal::lower_fftconvolve(x, k), x, k, signal::fftconvolve(x, k),
                          full_sum(Numbers(x), Numbers(k), false));
    }
  }
}

TEST_F(SignalFft, CorrelateKeepsItsBound) {
  for (const DType type : {f64, f32, c64, c128}) {
    for (const auto& [n, m] : {std::pair{200, 60}, std::pair{60, 200}}) {
      const Tensor x = uniform(type, {n}), k = uniform(type, {m});
      const signal::ConvolveOptions options{.method = Method::fft};
      expect_within_bound(signal::lower_correlate(x, k, options), x, k, correlate(x, k, options),
                          full_sum(Numbers(x), Numbers(k), true));
    }
  }
}

TEST_F(SignalFft, BatchesAgreeWithTheReference) {
  const Tensor x = uniform(f64, {3, 4, 50}), k = uniform(f64, {1, 4, 9});
  for (const Mode mode : {Mode::full, Mode::same, Mode::valid}) {
    const auto options = [&](const char* engine) {
      return signal::FftConvolveOptions{.mode = mode, .axes = {2}, .run = {.engine = engine}};
    };
    const Numbers y(signal::oaconvolve(x, k, options("")));
    const Numbers exact(signal::fftconvolve(x, k, options("reference")));
    const Plan plan = Plan::make(signal::lower_fftconvolve(x, k, options("")).problem,
                                 Device::cpu(), {.engine = "fft"});
    // Every pair keeps the bound, and no pair's norms exceed those of the whole.
    const double limit = 12 * (plan.error_bound().constant * norm(Numbers(x)) * norm(Numbers(k)) +
                               unit_roundoff(f64) * norm(exact));
    ASSERT_EQ(y.shape, exact.shape);
    EXPECT_LE(distance(y, exact), limit);
  }
}

TEST_F(SignalFft, OfOneElementIsAProduct) {
  const Tensor x = uniform(f64, {5}), k = Tensor::from<double>({2}, {1});
  Numbers expected(x);
  for (auto& value : expected.values) value *= 2;
  EXPECT_EQ(Numbers(signal::fftconvolve(x, k)), expected);
  EXPECT_EQ(Numbers(convolve(k, x, {.method = Method::fft})), expected);
}

// SciPy rounds the transform here and gives -2^63.
TEST_F(SignalFft, IntegersAreExactOrRefused) {
  const std::int64_t big = std::int64_t{1} << 40;
  const Tensor x = Tensor::from<std::int64_t>({big, big + 1, big}, {3});
  try {
    const Tensor y = convolve(x, x, {.method = Method::fft});
    const Tensor exact = convolve(x, x, {.method = Method::direct});
    EXPECT_TRUE(std::ranges::equal(y.values<std::int64_t>(), exact.values<std::int64_t>()));
  } catch (const NoEngine& refusal) {
    EXPECT_NE(std::string(refusal.what()).find("cpu.fft"), std::string::npos);
  }
}

TEST_F(SignalFft, IsChosenForLongFiltersOnly) {
  const Tensor longer = uniform(f64, {1 << 15}), shorter = uniform(f64, {3});
  EXPECT_EQ(signal::choose_method(longer, shorter), Method::direct);
  EXPECT_EQ(signal::choose_method(longer, longer), Method::fft);
}

TEST_F(SignalFft, DirectNeverUsesIt) {
  const Tensor x = uniform(f32, {4096});
  const Lowering call = signal::lower_convolve(x, x, {.method = Method::direct});
  EXPECT_NE(Plan::make(call.problem, Device::cpu(), call.plan).error_bound().kind,
            ErrorBound::Kind::normwise);
}

}  // namespace
}  // namespace faltung
