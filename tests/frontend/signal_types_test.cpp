// The types that calls of the signal and numpy front ends name: of results and of sums, and how
// sums become integers.

#include <gtest/gtest.h>

#include <cstdint>
#include <faltung/faltung.hpp>
#include <vector>

#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

using signal::Lowering;

template <typename T>
Tensor line(std::vector<T> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Tensor::from(std::span<const T>(values), {count});
}

template <typename T>
std::vector<T> flat(const Tensor& y) {
  const auto values = y.values<T>();
  return {values.begin(), values.end()};
}

const Tensor bytes = line<std::uint8_t>({200, 100});
const Tensor two = line<std::uint8_t>({2});

TEST(SignalTypes, IntegersKeepTheirSumsInAWiderOutput) {
  EXPECT_EQ(flat<std::uint8_t>(signal::convolve(bytes, two)),
            (std::vector<std::uint8_t>{144, 200}));
  const std::vector<std::int32_t> sums = {400, 200};
  EXPECT_EQ(flat<std::int32_t>(signal::convolve(bytes, two, {.output = i32})), sums);
  EXPECT_EQ(flat<std::int32_t>(signal::correlate(bytes, two, {.output = i32})), sums);
  EXPECT_EQ(flat<std::int32_t>(numpy::convolve(bytes, two, {.output = i32})), sums);
  EXPECT_EQ(flat<std::int32_t>(numpy::correlate(bytes, two, {.output = i32})), sums);
  EXPECT_EQ(flat<std::int32_t>(signal::fftconvolve(bytes, two, {.output = i32})), sums);
  EXPECT_EQ(flat<std::int32_t>(signal::upfirdn(two, bytes, {.output = i32})), sums);
  EXPECT_EQ(flat<double>(signal::convolve(bytes, two, {.output = f64})),
            (std::vector<double>{400, 200}));
}

TEST(SignalTypes, SumsBecomeIntegersAsTheOptionsSay) {
  const Tensor x = line<double>({0.5, 1.5, 2.5, -0.7, 40000});
  const Tensor one = line<double>({1});
  const auto stored = [&](Rounding rounding, Overflow overflow) {
    return flat<std::int16_t>(
        signal::convolve(x, one, {.output = i16, .rounding = rounding, .overflow = overflow}));
  };
  using List = std::vector<std::int16_t>;
  EXPECT_EQ(stored(Rounding::truncate, Overflow::wrap), (List{0, 1, 2, 0, -25536}));
  EXPECT_EQ(stored(Rounding::truncate, Overflow::saturate), (List{0, 1, 2, 0, 32767}));
  EXPECT_EQ(stored(Rounding::nearest_even, Overflow::wrap), (List{0, 2, 2, -1, -25536}));
  EXPECT_EQ(stored(Rounding::nearest_even, Overflow::saturate), (List{0, 2, 2, -1, 32767}));
}

TEST(SignalTypes, SumsOfSinglesCanBeFormedInDouble) {
  // 2^-30 is below half a unit of 1 in f32: a sum that meets it there loses it.
  const Tensor x = line<float>({1, 0x1p-30f, -1});
  const Tensor ones = line<float>({1, 1, 1});
  EXPECT_EQ(flat<float>(signal::convolve(x, ones, {.mode = Mode::valid, .accumulator = f64})),
            (std::vector<float>{0x1p-30f}));
}

// What every lowering makes of the same four options.
void expect_passed_on(const Lowering& call) {
  EXPECT_EQ(call.problem.output, i16);
  EXPECT_EQ(call.problem.accumulator, f64);
  EXPECT_EQ(call.problem.rounding, Rounding::nearest_even);
  EXPECT_EQ(call.problem.overflow, Overflow::saturate);
}

template <typename Options>
Options with_types() {
  Options options;
  options.output = i16;
  options.accumulator = f64;
  options.rounding = Rounding::nearest_even;
  options.overflow = Overflow::saturate;
  return options;
}

TEST(SignalTypes, EveryFunctionPassesTheOptionsOn) {
  const Tensor x = line<float>({1, 2, 3}), k = line<float>({1, 2});
  const Tensor image = Tensor::from<float>({1, 2, 3, 4}, {2, 2});
  const auto plain = with_types<signal::ConvolveOptions>();
  expect_passed_on(signal::lower_convolve(x, k, plain));
  expect_passed_on(signal::lower_correlate(x, k, plain));
  expect_passed_on(signal::lower_fftconvolve(x, k, with_types<signal::FftConvolveOptions>()));
  const auto planar = with_types<signal::Convolve2dOptions>();
  expect_passed_on(signal::lower_convolve2d(image, image, planar));
  expect_passed_on(signal::lower_correlate2d(image, image, planar));
  expect_passed_on(signal::lower_upfirdn(k, x, with_types<signal::UpfirdnOptions>()));
  expect_passed_on(numpy::lower_convolve(x, k, with_types<numpy::ConvolveOptions>()));
  expect_passed_on(numpy::lower_correlate(x, k, with_types<numpy::CorrelateOptions>()));
}

TEST(SignalTypes, ResultsWithoutTermsHaveTheTypeToo) {
  const Tensor empty = Tensor::zeros(f32, {0, 2}), k = Tensor::zeros(f32, {1, 1});
  EXPECT_EQ(signal::convolve2d(empty, k, {.output = i32}).dtype(), i32);
  EXPECT_EQ(signal::fftconvolve(empty, k, {.output = f64}).dtype(), f64);
  EXPECT_EQ(signal::upfirdn(line<float>({1}), empty, {.output = f64}).dtype(), f64);
}

TEST(SignalTypes, IntegersOf64BitsMeetWhereTheCallerSays) {
  const std::int64_t large = (std::int64_t{1} << 53) + 1;
  const Tensor x = line<std::int64_t>({large}), k = line<std::uint64_t>({3});
  EXPECT_REFUSED(signal::convolve(x, k), "`output`");
  EXPECT_EQ(flat<std::int64_t>(signal::convolve(x, k, {.output = i64})),
            (std::vector<std::int64_t>{3 * large}));
  // In f64 they would be rounded before they are summed.
  EXPECT_REFUSED(signal::convolve(x, k, {.output = f64}), "f64");
}

TEST(SignalTypes, WhatNoSumCanBeIsRefused) {
  const Tensor z = Tensor::from<std::complex<double>>({{1, 1}}, {1});
  EXPECT_REFUSED(signal::convolve(z, z, {.output = f64}), "complex");
  EXPECT_REFUSED(signal::convolve(bytes, two, {.accumulator = u8}), "acc=u8");
  EXPECT_REFUSED(signal::convolve(line<double>({0.5}), two, {.accumulator = i32}), "acc=i32");
}

}  // namespace
}  // namespace faltung
