#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include <faltung/filters.hpp>
#include <faltung/image.hpp>
#include "tests/support/refusal.hpp"

namespace faltung::filters {
namespace {

std::vector<double> taps(const Tensor& filter) {
  const auto values = filter.values<double>();
  return {values.begin(), values.end()};
}

double sum(const Tensor& filter) {
  const auto values = filter.values<double>();
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST(Gaussian, IsNormalisedAndSymmetric) {
  for (const double sigma : {0.1, 0.5, 1.0, 2.7, 30.0}) {
    const Tensor g = gaussian_1d(sigma);
    const auto values = g.values<double>();
    EXPECT_EQ(g.size(), 2 * gaussian_radius(sigma) + 1);
    EXPECT_NEAR(sum(g), 1, static_cast<double>(g.size()) * 0x1p-52);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(values[i], values[values.size() - 1 - i]);
    }
    // Neighbouring taps have the ratio of the Gaussian, to the rounding of exp on either side.
    const std::size_t c = values.size() / 2;
    if (c > 0) {
      const double ratio = std::exp(-0.5 / (sigma * sigma));
      EXPECT_NEAR(values[c + 1] / values[c], ratio, 8 * 0x1p-52 * ratio / (sigma * sigma));
    }
  }
}

TEST(Gaussian, RadiusIsWhereScipyCuts) {
  EXPECT_EQ(gaussian_radius(1), 4);
  EXPECT_EQ(gaussian_radius(1.12), 4);  // 4.98
  EXPECT_EQ(gaussian_radius(1.13), 5);  // 5.02
  EXPECT_EQ(gaussian_radius(2, 1.5), 3);
  EXPECT_EQ(gaussian_radius(0), 0);
}

// Correlating x^n / n! with the n-th derivative gives 1. Sampling changes the moments of a Gaussian
// by the order of exp(-2 pi^2 sigma^2), cutting it at 10 sigma by that of exp(-50): both far below
// the rounding of 60 steps on terms whose magnitudes sum to less than the 8th moment / 4! = 4.4.
TEST(Gaussian, DerivativesDifferentiatePolynomials) {
  const double sigma = 2;
  const std::int64_t radius = 20;
  for (std::int64_t order = 1; order <= 4; ++order) {
    const Tensor g = gaussian_1d(sigma, order, radius);
    double answer = 0;
    for (std::int64_t i = -radius; i <= radius; ++i) {
      answer += g.values<double>()[static_cast<std::size_t>(i + radius)] *
                std::pow(static_cast<double>(i), static_cast<double>(order)) /
                std::tgamma(static_cast<double>(order) + 1);
    }
    EXPECT_NEAR(answer, 1, 60 * 0x1p-52 * 4.4) << order;
  }
}

TEST(Gaussian, ProductOfItsRows) {
  const Tensor g = gaussian({1.0, 2.0}, 2, 3.0);
  const Tensor a = gaussian_1d(1, 0, 3), b = gaussian_1d(2, 0, 6);
  EXPECT_EQ(g.shape(), (Shape{7, 13}));
  EXPECT_EQ(taps(g), taps(outer({a, b})));
  EXPECT_EQ(g.values<double>()[15], a.values<double>()[1] * b.values<double>()[2]);
  EXPECT_EQ(gaussian(1.0, 3).shape(), (Shape{9, 9, 9}));
}

TEST(Fixed, AreTheTextbookNumbers) {
  EXPECT_EQ(taps(box({2, 2})), std::vector<double>(4, 0.25));
  EXPECT_EQ(taps(moving_average(5)), std::vector<double>(5, 0.2));
  EXPECT_EQ(taps(sobel()), (std::vector<double>{-1, 0, 1, -2, 0, 2, -1, 0, 1}));
  EXPECT_EQ(taps(sobel(0)), (std::vector<double>{-1, -2, -1, 0, 0, 0, 1, 2, 1}));
  EXPECT_EQ(taps(prewitt(-1)), (std::vector<double>{-1, 0, 1, -1, 0, 1, -1, 0, 1}));
  EXPECT_EQ(sobel(1, 3).shape(), (Shape{3, 3, 3}));
  EXPECT_EQ(taps(sobel(0, 1)), (std::vector<double>{-1, 0, 1}));
  EXPECT_EQ(taps(laplacian()), (std::vector<double>{0, 1, 0, 1, -4, 1, 0, 1, 0}));
  EXPECT_EQ(taps(laplacian(8)), (std::vector<double>{1, 1, 1, 1, -8, 1, 1, 1, 1}));
  EXPECT_EQ(taps(sharpen()), (std::vector<double>{0, -1, 0, -1, 5, -1, 0, -1, 0}));
  EXPECT_EQ(taps(sharpen(0.5, 8)),
            (std::vector<double>{-0.5, -0.5, -0.5, -0.5, 5, -0.5, -0.5, -0.5, -0.5}));
  EXPECT_EQ(taps(emboss()), (std::vector<double>{-2, -1, 0, -1, 1, 1, 0, 1, 2}));
}

TEST(Fixed, SumsAreWhatTheNamesPromise) {
  for (const int neighbours : {4, 8}) {
    EXPECT_EQ(sum(laplacian(neighbours)), 0);
    EXPECT_EQ(sum(sharpen(2, neighbours)), 1);
  }
  EXPECT_EQ(sum(emboss()), 1);
  EXPECT_EQ(sum(sobel(2, 4)), 0);
}

TEST(Fixed, DenseFiltersAreTheImageFunctions) {
  Tensor x(f64, {6, 7});
  std::int64_t i = 0;
  for (double& value : x.values<double>()) value = static_cast<double>(i++ * 37 % 23);
  EXPECT_EQ(taps(image::correlate(x, sobel(0))), taps(image::sobel(x, {.axis = 0})));
  EXPECT_EQ(taps(image::correlate(x, prewitt())), taps(image::prewitt(x)));
  EXPECT_EQ(taps(image::correlate(x, laplacian())), taps(image::laplace(x)));
}

TEST(Refusals, NameFieldValueAndWayOut) {
  const double nan = std::nan("");
  EXPECT_REFUSED(gaussian_1d(0), "sigma is 0; a Gaussian needs a finite one above 0");
  EXPECT_REFUSED(gaussian_1d(nan), "sigma is nan");
  EXPECT_REFUSED(gaussian_1d(1, -1), "order is -1");
  EXPECT_REFUSED(gaussian_1d(1, 0, -2), "radius is -2; use 0 to");
  EXPECT_REFUSED(gaussian_1d(1e-200, 2, 1), "beyond the range of f64; use a larger sigma");
  EXPECT_REFUSED(gaussian_1d(1e300), "lower one of them");
  EXPECT_REFUSED(gaussian_radius(-1), "sigma is -1");
  EXPECT_REFUSED(gaussian_radius(1, INFINITY), "truncate is inf");
  EXPECT_REFUSED(gaussian({1.0, 2.0}, 3), "sigma has 2 values for 3 axes");
  EXPECT_REFUSED(gaussian(1.0, 7), "rank is 7; filters have 1 to 6 axes");
  EXPECT_REFUSED(box({3, 0}), "shape has an extent of 0");
  EXPECT_REFUSED(moving_average(0), "length has an extent of 0");
  EXPECT_REFUSED(sobel(2), "axis 2 is not one of a filter of rank 2; use -2 to 1");
  EXPECT_REFUSED(prewitt(0, 0), "rank is 0");
  EXPECT_REFUSED(laplacian(6), "neighbours is 6");
  EXPECT_REFUSED(sharpen(INFINITY), "amount is inf");
  EXPECT_REFUSED(outer({box({3, 3})}), "factors are real and of rank 1");
}

}  // namespace
}  // namespace faltung::filters
