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

// The taps of f(y, x) on a grid about the centre.
template <typename F>
Tensor sampled(std::int64_t size, const F& f) {
  Tensor w(f64, {size, size});
  const auto middle = static_cast<double>(size / 2);
  for (std::int64_t i = 0; i < size * size; ++i) {
    w.values<double>()[static_cast<std::size_t>(i)] =
        f(static_cast<double>(i / size) - middle, static_cast<double>(i % size) - middle);
  }
  return w;
}

double bell(double y, double x, double sigma) {
  return std::exp(-(y * y + x * x) / (2 * sigma * sigma));
}

TEST(OuterTerms, AreFewOfCommonFilters) {
  const Tensor log = sampled(15, [](double y, double x) {
    return ((y * y + x * x) / 8 - 1) * bell(y, x, 2);  // Laplacian of a Gaussian
  });
  const Tensor difference =
      sampled(21, [](double y, double x) { return bell(y, x, 2) / 4 - bell(y, x, 3.2) / 10.24; });
  const Tensor gabor =
      sampled(25, [](double y, double x) { return bell(y, x, 4) * std::cos(0.7 * x + 0.4 * y); });
  const Tensor unsharp = sampled(
      15, [](double y, double x) { return (y == 0 && x == 0 ? 2 : 0) - bell(y, x, 2.5) / 39.3; });
  const Tensor three = sampled(31, [](double y, double x) {
    return bell(y, x, 2) - 0.4 * bell(y, x, 4) + 0.1 * std::cos(x) * std::sin(y / 3);
  });
  for (const DType type : {f32, f64}) {
    for (const Tensor* w : {&log, &difference, &gabor, &unsharp}) {
      EXPECT_EQ(outer_terms(compact_copy(*w, type), type), 2) << name(type) << w->shape();
    }
    EXPECT_EQ(outer_terms(compact_copy(three, type), type), 3) << name(type);
    EXPECT_EQ(outer_terms(compact_copy(filters::gaussian(2.0, 2), type), type), 1);
  }
}

// What outer products leave of a rounded filter lies far below what the dense sum may err.
TEST(OuterTerms, AreRefusedWhereTheyCostAccuracyOrTime) {
  EXPECT_EQ(outer_terms(filters::laplacian(8), f64), 0) << "two, but 3 x 3 taps are not worth it";
  const Tensor disk =
      sampled(15, [](double y, double x) { return y * y + x * x <= 49 ? 1.0 : 0.0; });
  EXPECT_EQ(outer_terms(disk, f64), 0);
  const Tensor turned =
      sampled(25, [](double y, double x) { return std::exp(-(y * y + x * x + 1.2 * x * y) / 18); });
  EXPECT_EQ(outer_terms(turned, f64), 0) << "many terms that fall off slowly";
  Tensor w =
      sampled(15, [](double y, double x) { return ((y * y + x * x) / 8 - 1) * bell(y, x, 2); });
  w.values<double>()[17] += 0x1p-30;
  EXPECT_EQ(outer_terms(w, f64), 3) << "one more for the tap that differs";
  EXPECT_EQ(outer_terms(w, f32), 2) << "f32 would not tell";
  w.values<double>()[3] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(outer_terms(w, f64), 0);
  EXPECT_EQ(outer_terms(Tensor(c64, {15, 15}), f64), 0);
  EXPECT_EQ(outer_terms(Tensor(f64, {0, 3}), f64), 0);
  EXPECT_EQ(outer_terms(Tensor::from<double>({1, 2, 3}, {1, 3}), f64), 0);
}

TEST(OuterTerms, KeepABoundBelowThatOfTheDenseSum) {
  // 3 x 3 taps twice take 3 + 6 + 4 roundings, the dense sum 9; 7 x 7 taps 25 of 49.
  EXPECT_FALSE(terms_bound(3, 3, 2, f32).can_hold(3, 3));
  EXPECT_TRUE(terms_bound(7, 7, 2, f32).can_hold(7, 7));
  EXPECT_NEAR(terms_bound(7, 7, 2, f32).passes, 25 * 0x1p-24, 0x1p-38);
  EXPECT_NEAR(terms_bound(7, 7, 2, f32).granted, 49 * 7 * 0x1p-24, 0x1p-38);
}

// The front end declares what it finds: refusals print the problem.
TEST(ImageFilters, DeclareOuterProducts) {
  const auto problem_of = [](const Tensor& w) -> std::string {
    try {
      (void)image::correlate(Tensor(f32, {9, 9}), w, {.run = {.engine = "cuda.direct"}});
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
  EXPECT_EQ(problem_of(filters::emboss()).find("sep="), std::string::npos);
  const Tensor log =
      sampled(15, [](double y, double x) { return ((y * y + x * x) / 8 - 1) * bell(y, x, 2); });
  EXPECT_NE(problem_of(log).find("sep=2"), std::string::npos);
}

}  // namespace
}  // namespace faltung
