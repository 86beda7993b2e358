#include "cpp/core/outer_product.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <faltung/error.hpp>
#include <faltung/filters.hpp>
#include <faltung/image.hpp>
#include <faltung/plan.hpp>

namespace faltung {
namespace {

// The product of the factors, in the order of the taps.
std::vector<double> multiplied(const std::vector<std::vector<double>>& factors) {
  std::vector<double> product{1};
  for (const auto& line : factors) {
    std::vector<double> next;
    for (const double a : product) {
      for (const double b : line) next.push_back(a * b);
    }
    product = std::move(next);
  }
  return product;
}

TEST(OuterFactors, OfFiltersThatAreProducts) {
  for (const Tensor& w : {filters::sobel(0, 2), filters::prewitt(2, 3), filters::box({4, 5}),
                          filters::gaussian(1.5, 2), filters::gaussian(0.8, 3)}) {
    const auto factors = outer_factors(w);
    ASSERT_TRUE(factors);
    const std::vector<double> product = multiplied(*factors);
    const auto taps = w.values<double>();
    ASSERT_EQ(product.size(), taps.size());
    for (std::size_t i = 0; i < taps.size(); ++i) {
      EXPECT_NEAR(product[i], taps[i], 8 * 0x1p-53 * std::abs(taps[i]));
    }
  }
}

// A product that was rounded to f32 is one still.
TEST(OuterFactors, OfRoundedProducts) {
  EXPECT_TRUE(outer_factors(compact_copy(filters::gaussian(2.0, 2), f32)));
  EXPECT_TRUE(outer_factors(compact_copy(filters::gaussian(1.0, 3), f32)));
}

TEST(OuterFactors, RefuseWhatIsNoProduct) {
  EXPECT_FALSE(outer_factors(filters::laplacian(4)));
  EXPECT_FALSE(outer_factors(filters::emboss()));
  EXPECT_FALSE(outer_factors(filters::sharpen(1, 4)));
  Tensor w = filters::gaussian(2.0, 2);
  w.values<double>()[3] *= 1 + 0x1p-40;
  EXPECT_FALSE(outer_factors(w));
  w.values<double>()[3] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(outer_factors(w));
  EXPECT_FALSE(outer_factors(Tensor(f64, {0, 3})));
  EXPECT_FALSE(outer_factors(Tensor(c64, {2, 2})));
}

TEST(OuterFactors, OfWholeNumbersAreExact) {
  // 3 x 7 against 21 and 22: no rounding can decide for the wrong one.
  EXPECT_TRUE(outer_factors(Tensor::from<std::int32_t>({9, 21, 21, 49}, {2, 2})));
  EXPECT_FALSE(outer_factors(Tensor::from<std::int32_t>({9, 21, 22, 49}, {2, 2})));
  const std::int32_t big = 1 << 20;
  EXPECT_TRUE(outer_factors(Tensor::from<std::int32_t>({big, big, big, big}, {2, 2})));
  EXPECT_FALSE(outer_factors(Tensor::from<std::int32_t>({big, big, big, big - 1}, {2, 2})));
  EXPECT_FALSE(outer_factors(Tensor::from<std::int32_t>({2 * big, 0, 0, 0}, {2, 2})));
}

TEST(OuterFactors, OfZerosAreZeros) {
  const auto factors = outer_factors(Tensor::from<float>({0, 0, 0, 0, 0, 0}, {2, 3}));
  ASSERT_TRUE(factors);
  for (const double tap : multiplied(*factors)) EXPECT_EQ(tap, 0);
}

// The front end declares what it finds: refusals print the problem.
TEST(ImageFilters, DeclareOuterProducts) {
  const auto problem_of = [](const Tensor& w) -> std::string {
    try {
      (void)image::correlate(Tensor(f32, {9, 9}), w, {.engine = "cuda.direct"});
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  };
  if (problem_of(filters::emboss()).find("cuda.direct") == std::string::npos ||
      problem_of(filters::emboss()).find("op=") == std::string::npos) {
    GTEST_SKIP() << "needs an engine that refuses the CPU";
  }
  EXPECT_NE(problem_of(filters::sobel(0, 2)).find("sep=1"), std::string::npos);
  EXPECT_EQ(problem_of(filters::emboss()).find("sep=1"), std::string::npos);
}

}  // namespace
}  // namespace faltung
