// Gradients of masked convolution: against the derivative of the definition, by the dot product
// that makes the adjoint, and by finite differences.

#include <gtest/gtest.h>

#include <cmath>
#include <faltung/faltung.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/frontend/masked_reference.hpp"
#include "tests/golden/golden.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

using image::masked_convolve;
using image::masked_convolve_data_gradient;
using image::masked_convolve_filter_gradient;
using image::masked_correlate;
using image::masked_correlate_data_gradient;
using image::masked_correlate_filter_gradient;
using image::MaskedOptions;
using test::MaskedReference;
using test::Term;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Data, taps and a gradient of whole numbers; f64, so that what rounds are quotients and the sums
// of them.
struct Trial {
  explicit Trial(unsigned seed) : random(seed) {
    const int rank = draw(1, 3), n = rank == 1 ? 30 : rank == 2 ? 9 : 5;
    for (int a = 0; a < rank; ++a) {
      r.shape.push_back(draw(2, n));
      r.taps.push_back(draw(1, 4));
    }
    const bool equal = draw(0, 3) == 0;
    const double first = draw(1, 5);
    for (std::int64_t i = 0; i < element_count(r.taps); ++i) {
      r.w.push_back(equal ? first : draw(1, 9));
    }
    const int holes = draw(0, 2);
    for (std::int64_t i = 0; i < element_count(r.shape); ++i) {
      r.x.push_back(holes > 0 && draw(0, 3 - holes) == 0 ? nan : draw(-50, 50));
      dy.push_back(draw(-9, 9));
    }
    if (draw(0, 1) == 0) {
      for (std::int64_t i = 0; i < element_count(r.shape); ++i) {
        r.weights.push_back(draw(0, 3) * 0.25);
      }
    }
    const Boundary rules[] = {Boundary::zero(),    Boundary::constant(7), Boundary::nearest(),
                              Boundary::reflect(), Boundary::mirror(),    Boundary::wrap()};
    r.options.boundary = rules[draw(0, 5)];
    r.correlates = draw(0, 1) == 0;
    if (draw(0, 3) == 0) r.options.nan = NanRule::value, r.options.nan_value = 3;
    r.options.keep_gain = draw(0, 2) == 0;
    r.options.fill = 0.5;
    const bool may_miss = r.options.nan == NanRule::missing || !r.weights.empty();
    if (may_miss && draw(0, 2) == 0) r.options.min_count = draw(0, static_cast<int>(r.w.size()));
    r.options.preserve_nan = draw(0, 3) == 0;
  }
  int draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); }

  [[nodiscard]] Tensor x() const { return Tensor::from(r.x, r.shape); }
  [[nodiscard]] Tensor w() const { return Tensor::from(r.w, r.taps); }
  [[nodiscard]] Tensor gradient() const { return Tensor::from(dy, r.shape); }
  // With the weights in a tensor that lives as long.
  [[nodiscard]] MaskedOptions options(Tensor& weights) const {
    MaskedOptions o = r.options;
    if (!r.weights.empty()) weights = Tensor::from(r.weights, r.shape);
    o.weights = weights;
    return o;
  }
  [[nodiscard]] Tensor result(const Tensor& data, const Tensor& taps) const {
    Tensor weights;
    const MaskedOptions o = options(weights);
    return r.correlates ? masked_correlate(data, taps, o) : masked_convolve(data, taps, o);
  }
  [[nodiscard]] Tensor dx() const {
    Tensor weights;
    const MaskedOptions o = options(weights);
    return r.correlates ? masked_correlate_data_gradient(gradient(), x(), w(), o)
                        : masked_convolve_data_gradient(gradient(), x(), w(), o);
  }
  [[nodiscard]] Tensor dw() const {
    Tensor weights;
    const MaskedOptions o = options(weights);
    return r.correlates ? masked_correlate_filter_gradient(gradient(), x(), w(), o)
                        : masked_convolve_filter_gradient(gradient(), x(), w(), o);
  }

  std::mt19937 random;
  MaskedReference r;
  std::vector<double> dy;
};

struct Gradients {
  std::vector<double> dx, dw, dx_size, dw_size;  // the sizes are sums of magnitudes
};

// The derivative of every result with respect to everything that it is made of.
Gradients of_the_definition(const Trial& t) {
  const MaskedReference& r = t.r;
  Gradients g;
  g.dx.resize(r.x.size());
  g.dx_size.resize(r.x.size());
  g.dw.resize(r.w.size());
  g.dw_size.resize(r.w.size());
  const bool divides = !r.weights.empty() || r.options.nan == NanRule::missing;
  for_each_index(r.shape, [&](std::int64_t i, const Extents& index) {
    const auto at = static_cast<std::size_t>(i);
    const auto y = r.result(index);
    if (y.empty || (r.options.preserve_nan && std::isnan(r.x[at]))) return;
    const double gain = y.gain / y.divisor, quotient = y.sum / y.divisor;
    for (const Term& term : r.terms(index)) {
      const auto tap = static_cast<std::size_t>(term.tap);
      const double by_divisor = gain * quotient * (divides ? term.weight : 1);
      const double by_sum = gain * term.weight * term.value;
      const double by_gain = r.options.keep_gain ? quotient : 0;
      g.dw[tap] += t.dy[at] * (by_sum - by_divisor + by_gain);
      g.dw_size[tap] +=
          std::abs(t.dy[at]) * (std::abs(by_sum) + std::abs(by_divisor) + std::abs(by_gain));
      if (term.element < 0) continue;
      const auto j = static_cast<std::size_t>(term.element);
      if (std::isnan(r.x[j])) continue;  // missing, or replaced
      g.dx[j] += t.dy[at] * gain * term.weight * term.w;
      g.dx_size[j] += std::abs(t.dy[at] * gain * term.weight * term.w);
    }
  });
  return g;
}

// Every sum has at most n products, and each factor that is no whole number is a quotient of sums
// with at most as many: (2 n + 8) u of the magnitudes.
double bound(double size, std::size_t n) {
  return (2 * static_cast<double>(n) + 8) * 0x1p-53 * size;
}

TEST(MaskedGradient, IsTheDerivativeOfTheDefinition) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    const Trial t(seed);
    const Gradients want = of_the_definition(t);
    const std::vector<double> dx = golden::numbers(t.dx()), dw = golden::numbers(t.dw());
    const std::size_t n = std::max(t.r.x.size(), t.r.w.size());
    ASSERT_EQ(dx.size(), want.dx.size());
    ASSERT_EQ(dw.size(), want.dw.size());
    double all = 0;  // the share of the gain is one sum for all taps
    for (const double size : want.dw_size) all = std::max(all, size);
    for (std::size_t i = 0; i < dx.size(); ++i) {
      ASSERT_NEAR(dx[i], want.dx[i], bound(want.dx_size[i], n)) << "seed " << seed << ", x " << i;
    }
    for (std::size_t i = 0; i < dw.size(); ++i) {
      ASSERT_NEAR(dw[i], want.dw[i], 2 * bound(all, n)) << "seed " << seed << ", w " << i;
    }
  }
}

double dot(const Tensor& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (b[i] != 0) sum += a.values<double>()[i] * b[i];
  }
  return sum;
}

// The results are affine in x: for every step, <dy, y(x + step) - y(x)> = <dx, step>.
TEST(MaskedGradient, IsTheAdjoint) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Trial t(seed);
    std::vector<double> step(t.r.x.size()), moved = t.r.x;
    for (std::size_t i = 0; i < step.size(); ++i) {
      step[i] = std::isnan(moved[i]) ? 0 : t.draw(-4, 4);
      moved[i] += step[i];
    }
    const Tensor before = t.result(t.x(), t.w());
    const Tensor after = t.result(Tensor::from(moved, t.r.shape), t.w());
    double change = 0, size = 0;
    for (std::size_t i = 0; i < step.size(); ++i) {
      const double a = after.values<double>()[i], b = before.values<double>()[i];
      if (std::isnan(a)) continue;  // preserved
      change += t.dy[i] * (a - b);
      size += std::abs(t.dy[i]) * (std::abs(a) + std::abs(b));
    }
    // All data are of one scale: up to 54, divided by taps of one sign and times their gain.
    const double n = static_cast<double>(t.r.x.size() + t.r.w.size());
    double gain = 1;
    for (const double tap : t.r.w) gain += t.r.options.keep_gain ? tap : 0;
    EXPECT_NEAR(change, dot(t.dx(), step), 4 * n * 0x1p-53 * (size + 9 * 54 * gain * n))
        << "seed " << seed;
  }
}

// Central differences along one tap err by step^2 / 6 of the third derivative, which for
// (a + t b) / (c + t e) is 6 e^2 (b c - a e) / (c + t e)^4, and by the rounding of the results.
TEST(MaskedGradient, IsTheLimitOfDifferences) {
  constexpr double step = 0x1p-12;
  for (unsigned seed = 0; seed < 100; ++seed) {
    Trial t(seed);
    t.r.options.keep_gain = false;
    if (t.r.options.nan != NanRule::missing && t.r.weights.empty()) continue;
    const std::vector<double> dw = golden::numbers(t.dw());
    for (std::size_t tap = 0; tap < t.r.w.size(); ++tap) {
      std::vector<double> more = t.r.w, less = t.r.w;
      more[tap] += step;
      less[tap] -= step;
      const Tensor above = t.result(t.x(), Tensor::from(more, t.r.taps));
      const Tensor below = t.result(t.x(), Tensor::from(less, t.r.taps));
      double change = 0, third = 0, size = 0;
      for_each_index(t.r.shape, [&](std::int64_t i, const Extents& index) {
        const auto at = static_cast<std::size_t>(i);
        const auto y = t.r.result(index);
        if (y.empty || (t.r.options.preserve_nan && std::isnan(t.r.x[at]))) return;
        double b = 0, e = 0;
        for (const Term& term : t.r.terms(index)) {
          if (term.tap != static_cast<std::int64_t>(tap)) continue;
          b += term.weight * term.value;
          e += term.weight;
        }
        const double least = y.divisor - step * e;
        third += std::abs(t.dy[at]) * 6 * e * e * (std::abs(b * y.divisor) + std::abs(y.sum * e)) /
                 (least * least * least * least);
        change += t.dy[at] * (above.values<double>()[at] - below.values<double>()[at]);
        size += std::abs(t.dy[at]) *
                (MaskedReference::bound(y, t.r.w.size(), 0x1p-53) + 0x1p-53 * std::abs(y.y));
      });
      const double n = static_cast<double>(t.r.x.size());
      EXPECT_NEAR(change / (2 * step), dw[tap], step * step / 6 * third + 2 * n * size / step)
          << "seed " << seed << ", tap " << tap;
    }
  }
}

TEST(MaskedGradient, GoesIntoViewsAndHasTypes) {
  const Tensor x = golden::sequence<float>({6, 7}), dy = golden::sequence<float>({6, 7});
  const Tensor w = golden::sequence<float>({3, 2});
  const MaskedOptions o{.nan = NanRule::spread};
  const Tensor dx = masked_correlate_data_gradient(dy, x, w, o);
  const Tensor dw = masked_correlate_filter_gradient(dy, x, w, o);
  EXPECT_EQ(dx.dtype(), f32);
  EXPECT_EQ(dw.shape(), (Shape{3, 2}));
  Tensor wide = Tensor::zeros(f32, {6, 14}), turned = Tensor::zeros(f32, {2, 3});
  masked_correlate_data_gradient(dy, x, w, wide.slice(1, {.step = 2}), o);
  masked_correlate_filter_gradient(dy, x, w, turned.permute({1, 0}), o);
  EXPECT_EQ(golden::numbers(compact_copy(wide.slice(1, {.step = 2}), f32)), golden::numbers(dx));
  EXPECT_EQ(golden::numbers(compact_copy(turned.permute({1, 0}), f32)), golden::numbers(dw));
  // The axes of w in another order than those of x.
  const Tensor other = masked_correlate_filter_gradient(dy, x, compact_copy(w.permute({1, 0}), f32),
                                                        {.axes = {1, 0}, .nan = NanRule::spread});
  EXPECT_EQ(golden::numbers(compact_copy(other.permute({1, 0}), f32)), golden::numbers(dw));
  EXPECT_REFUSED(masked_correlate_data_gradient(w, x, w), "dy has shape");
  Tensor small = Tensor::zeros(f32, {2, 2});
  EXPECT_REFUSED(masked_correlate_filter_gradient(dy, x, w, small, o), "dw has shape");
  EXPECT_REFUSED(masked_correlate_data_gradient(dy, x, w, small, o), "dx has shape");
}

// Empty results that are the element of x pass its gradient on.
TEST(MaskedGradient, OfWhatFillsIsItsOwn) {
  const Tensor x = Tensor::from<double>({1, 2, 3, 4}), dy = Tensor::from<double>({5, 6, 7, 8});
  const Tensor weights = Tensor::from<double>({0, 0, 0, 1}), w = Tensor::from<double>({1, 1, 1});
  const MaskedOptions o{.boundary = Boundary::zero(), .weights = weights, .fill = std::nullopt};
  EXPECT_EQ(golden::numbers(masked_correlate(x, w, o)), (std::vector<double>{1, 2, 4, 4}));
  EXPECT_EQ(golden::numbers(masked_correlate_data_gradient(dy, x, w, o)),
            (std::vector<double>{5, 6, 0, 15}));
}

}  // namespace
}  // namespace faltung
