// Whole weights of every size: sums that wrap are exact modulo 2^bits.

#include <gtest/gtest.h>

#include <cstdint>
#include <faltung/faltung.hpp>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "cpp/frontend/image_pass.hpp"

namespace faltung {
namespace {

// sum over r of w[r] x[i + R/2 - r] with zeros outside, modulo 2^64.
std::vector<std::uint64_t> convolved(const std::vector<std::uint64_t>& x,
                                     const std::vector<std::uint64_t>& w) {
  std::vector<std::uint64_t> y(x.size(), 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t r = 0; r < w.size(); ++r) {
      const std::size_t at = i + w.size() / 2 - r;
      if (at < x.size()) y[i] += w[r] * x[at];
    }
  }
  return y;
}

template <typename T>
Tensor row(const std::vector<T>& values) {
  return Tensor::from(std::span<const T>(values), {static_cast<std::int64_t>(values.size())});
}

const image::FilterOptions zeros_outside = {.boundary = Boundary::zero()};

TEST(WholeWeights, BeyondSixtyThreeBitsAreExact) {
  std::mt19937_64 random(3);
  std::vector<std::uint64_t> x(50);
  for (auto& value : x) value = random();
  const std::vector<std::uint64_t> w = {(std::uint64_t{1} << 63) + 12345, 3, ~std::uint64_t{0},
                                        std::uint64_t{1} << 63, random()};
  const Tensor y = image::convolve(row(x), row(w), zeros_outside);
  const auto values = y.values<std::uint64_t>();
  EXPECT_EQ(std::vector(values.begin(), values.end()), convolved(x, w));
}

TEST(WholeWeights, AtTheEndsOfTheSignedRangeAreExact) {
  std::mt19937_64 random(4);
  std::vector<std::int64_t> x(50);
  for (auto& value : x) value = static_cast<std::int64_t>(random());
  const std::vector<std::int64_t> w = {std::numeric_limits<std::int64_t>::max(),
                                       std::numeric_limits<std::int64_t>::min(),
                                       (std::int64_t{1} << 53) + 1};
  const Tensor y = image::convolve(row(x), row(w), zeros_outside);
  const auto exact = convolved({x.begin(), x.end()}, {w.begin(), w.end()});
  const auto values = y.values<std::int64_t>();
  EXPECT_EQ(std::vector(values.begin(), values.end()),
            std::vector<std::int64_t>(exact.begin(), exact.end()));
}

// 2^63 + 2^11 and 2^70 are whole numbers too; the second is 0 modulo 2^64.
TEST(WholeWeights, OfFloatingTypesAreExact) {
  const std::vector<std::uint64_t> x = {1, 2, (std::uint64_t{1} << 53) + 1, 5, 7};
  const std::vector<double> w = {0x1p63 + 0x1p11, 3, 0x1p70};
  const Tensor y = image::convolve(row(x), row(w), zeros_outside);
  const auto values = y.values<std::uint64_t>();
  EXPECT_EQ(std::vector(values.begin(), values.end()),
            convolved(x, {(std::uint64_t{1} << 63) + 2048, 3, 0}));
}

TEST(WholeWeights, HaveTheSmallestTypeThatHoldsThem) {
  const auto type = [](auto value, Overflow overflow = Overflow::wrap) {
    return image::whole_type(row(std::vector{value}), overflow);
  };
  EXPECT_EQ(type(127), i8);
  EXPECT_EQ(type(128), i16);
  EXPECT_EQ(type(-129.0), i16);
  EXPECT_EQ(type(0x1p31), i64);
  EXPECT_EQ(type(std::numeric_limits<std::int64_t>::max()), i64);
  EXPECT_EQ(type(std::numeric_limits<std::int64_t>::max(), Overflow::saturate), i64);
  EXPECT_EQ(type(std::uint64_t{1} << 63), i64);
  EXPECT_EQ(type(std::uint64_t{1} << 63, Overflow::saturate), std::nullopt);
  EXPECT_EQ(type(0.5), std::nullopt);
  EXPECT_EQ(type(std::numeric_limits<double>::infinity()), std::nullopt);
  EXPECT_EQ(type(std::numeric_limits<double>::quiet_NaN()), std::nullopt);
}

}  // namespace
}  // namespace faltung
