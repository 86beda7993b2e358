// Gradients of masked convolution: against the derivative of the definition, by the dot product
// that makes the adjoint, and by finite differences.

#include <gtest/gtest.h>

#include <cmath>
#include <faltung/faltung.hpp>
#include <string>
#include <vector>

#include "tests/frontend/masked_trial.hpp"
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
using test::Draw;
using test::MaskedReference;
using test::Term;

// Data, taps and a gradient of whole numbers, so that what rounds are quotients and the sums of
// them.
struct Trial {
  explicit Trial(unsigned seed, DType x_type = f64)
      : draw(seed), r(test::draw_masked(draw, test::Signs::positive)), type(x_type) {
    complete();
  }
  Trial(unsigned seed, DType x_type, const Shape& shape, const Shape& taps)
      : draw(seed), r(test::draw_masked(draw, test::Signs::positive, shape, taps)), type(x_type) {
    complete();
  }
  void complete() {
    r.options.fill = 0.5;
    r.options.min_weight = 0;  // which differences of taps may cross
    for (std::size_t i = 0; i < r.x.size(); ++i) dy.push_back(draw(-9, 9));
  }

  [[nodiscard]] Tensor typed(const std::vector<double>& values, const Shape& shape) const {
    return compact_copy(Tensor::from(values, shape), type);
  }
  [[nodiscard]] Tensor x() const { return typed(r.x, r.shape); }
  [[nodiscard]] Tensor w() const { return Tensor::from(r.w, r.taps); }
  [[nodiscard]] Tensor gradient() const { return typed(dy, r.shape); }
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

  test::Draw draw;
  MaskedReference r;
  DType type;
  std::vector<double> dy;
};

struct Gradients {
  std::vector<double> dx, dw, dx_size, dw_size;  // the sizes are sums of magnitudes
  std::vector<double> dx_terms;                  // products in each
  double dw_terms = 0;
};

// The derivative of every result with respect to everything that it is made of.
Gradients of_the_definition(const MaskedReference& r, const std::vector<double>& dy) {
  Gradients g;
  g.dx.resize(r.x.size());
  g.dx_size.resize(r.x.size());
  g.dx_terms.resize(r.x.size());
  g.dw.resize(r.w.size());
  g.dw_size.resize(r.w.size());
  const bool divides = !r.weights.empty() || r.options.nan == NanRule::missing;
  for_each_index(r.shape, [&](std::int64_t i, const Extents& index) {
    const auto at = static_cast<std::size_t>(i);
    const auto y = r.result(index);
    if (y.empty || (r.options.preserve_nan && std::isnan(r.x[at]))) return;
    const double gain = y.gain / y.divisor, quotient = y.sum / y.divisor;
    ++g.dw_terms;
    for (const Term& term : r.terms(index)) {
      const auto tap = static_cast<std::size_t>(term.tap);
      const double by_divisor = gain * quotient * (divides ? term.weight : 1);
      const double by_sum = gain * term.weight * term.value;
      const double by_gain = r.options.keep_gain ? quotient : 0;
      g.dw[tap] += dy[at] * (by_sum - by_divisor + by_gain);
      g.dw_size[tap] +=
          std::abs(dy[at]) * (std::abs(by_sum) + std::abs(by_divisor) + std::abs(by_gain));
      if (term.element < 0) continue;
      const auto j = static_cast<std::size_t>(term.element);
      if (std::isnan(r.x[j])) continue;  // missing, or replaced
      g.dx[j] += dy[at] * gain * term.weight * term.w;
      g.dx_size[j] += std::abs(dy[at] * gain * term.weight * term.w);
      ++g.dx_terms[j];
    }
  });
  return g;
}

// The roundings that a sum of n products passes, docs/bounds.md, and `more`; second-order terms are
// in the last factor.
double roundings(double n, double more) {
  return (std::min(n, 6 * std::sqrt(n) + 8) + more) * 1.001;
}

// The data, the taps and their gains are such that products of two of them and sums of these are
// exact. A quotient and the factor a = dy gain / divisor err by u, and a times the quotient by 3 u.
// So x's gradient, sums of a w times a weight, errs by u of a, of the weight and of each of its
// terms; the taps' by those of their sums, the first of which has products of 1 u and the other of
// 3 u, of two additions, and of what is added: a sum in double of products of 1 u, rounded once.
void expect_gradients(const Tensor& dx, const Tensor& dw, const Gradients& want,
                      const std::string& where) {
  const std::vector<double> ours_x = golden::numbers(dx), ours_w = golden::numbers(dw);
  ASSERT_EQ(ours_x.size(), want.dx.size());
  ASSERT_EQ(ours_w.size(), want.dw.size());
  const double u = dw.dtype() == f64 ? 0x1p-53 : 0x1p-24;
  for (std::size_t i = 0; i < ours_x.size(); ++i) {
    const double store = dx.dtype() == f16 ? 0x1p-11 * std::abs(want.dx[i]) + 0x1p-25 : 0;
    ASSERT_NEAR(ours_x[i], want.dx[i], roundings(want.dx_terms[i], 3) * u * want.dx_size[i] + store)
        << where << ", x " << i;
  }
  for (std::size_t i = 0; i < ours_w.size(); ++i) {
    ASSERT_NEAR(ours_w[i], want.dw[i], roundings(want.dw_terms, 3 + 3) * u * want.dw_size[i])
        << where << ", w " << i;
  }
}

std::string where(unsigned seed) { return "seed " + std::to_string(seed); }

TEST(MaskedGradient, IsTheDerivativeOfTheDefinition) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    const Trial t(seed);
    expect_gradients(t.dx(), t.dw(), of_the_definition(t.r, t.dy), where(seed));
  }
}

// As most are asked for: in f32, of small and large x alike, by every boundary and option.
TEST(MaskedGradient, OfSinglePrecisionIsTheDerivativeOfTheDefinition) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    const Trial t(seed, seed % 4 == 3 ? f16 : f32);
    expect_gradients(t.dx(), t.dw(), of_the_definition(t.r, t.dy), where(seed));
  }
  struct Case {
    Shape shape, taps;
  };
  const Case cases[] = {{{40, 70}, {3, 3}},  {{33, 130}, {5, 7}}, {{64, 64}, {9, 9}},
                        {{700}, {40}},       {{1500}, {5}},       {{9, 20, 33}, {3, 2, 5}},
                        {{17, 257}, {1, 8}}, {{90, 40}, {11, 1}}};
  unsigned seed = 1000;
  for (const Case& c : cases) {
    for (int round = 0; round < 12; ++round, ++seed) {
      const Trial t(seed, f32, c.shape, c.taps);
      expect_gradients(t.dx(), t.dw(), of_the_definition(t.r, t.dy), where(seed));
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

// A signal is an image in the middle of a larger one of which the rest is missing. Its results are
// those along the part of the larger one that a mode keeps.
struct Framed {
  Framed(const Trial& t, signal::Mode mode, Draw& draw) : r(t.r) {
    r.options.boundary = Boundary::zero();
    const std::vector<double> weights =
        r.weights.empty() ? std::vector<double>(r.x.size(), 1) : r.weights;
    Extents start;
    for (std::size_t a = 0; a < r.shape.size(); ++a) {
      const std::int64_t n = t.r.shape[a], m = t.r.taps[a], least = std::min(n, m);
      const bool full = mode == signal::Mode::full, same = mode == signal::Mode::same;
      shape.push_back(full ? n + m - 1 : same ? n : std::max(n, m) - least + 1);
      const std::int64_t first = full ? 0 : same ? (m - 1) / 2 : least - 1;
      start.push_back(first + (r.correlates ? m / 2 : m - 1 - m / 2));
      r.shape[a] = n + 2 * (m - 1);
      offset.push_back(m - 1);
    }
    const auto count = static_cast<std::size_t>(element_count(r.shape));
    const Strides strides = compact_strides(r.shape);
    r.x.assign(count, 0);
    r.weights.assign(count, 0);
    dy.assign(count, 0);
    for_each_index(t.r.shape, [&](std::int64_t i, const Extents& index) {
      const auto at =
          static_cast<std::size_t>(offset_of(index, strides) + offset_of(offset, strides));
      r.x[at] = t.r.x[static_cast<std::size_t>(i)];
      r.weights[at] = weights[static_cast<std::size_t>(i)];
      inside.push_back(at);
    });
    for_each_index(shape, [&](std::int64_t, const Extents& index) {
      const auto at =
          static_cast<std::size_t>(offset_of(index, strides) + offset_of(start, strides));
      of_result.push_back(draw(-9, 9));
      dy[at] = of_result.back();
    });
  }
  [[nodiscard]] Gradients gradients() const {
    Gradients all = of_the_definition(r, dy), g = all;
    g.dx.clear();
    g.dx_size.clear();
    g.dx_terms.clear();
    for (const std::size_t at : inside) {
      g.dx_terms.push_back(all.dx_terms[at]);
      g.dx.push_back(all.dx[at]);
      g.dx_size.push_back(all.dx_size[at]);
    }
    return g;
  }

  MaskedReference r;
  Shape shape;     // of the result
  Extents offset;  // of x in the frame
  std::vector<std::size_t> inside;
  std::vector<double> dy, of_result;
};

bool fits(const Shape& a, const Shape& b) {
  bool at_least = true, at_most = true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    at_least = at_least && a[i] >= b[i];
    at_most = at_most && a[i] <= b[i];
  }
  return at_least || at_most;
}

TEST(MaskedGradient, OfSignalsIsTheDerivativeOfTheDefinition) {
  int longer = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    Trial t(seed, seed % 2 == 0 ? f64 : f32);
    const auto mode = static_cast<signal::Mode>(t.draw(0, 2));
    if (mode == signal::Mode::valid && !fits(t.r.shape, t.r.taps)) continue;
    if (element_count(t.r.taps) > element_count(t.r.shape)) ++longer;
    t.r.options.preserve_nan = false;
    if (t.r.weights.empty()) t.r.options.nan = NanRule::missing, t.r.options.nan_value = 0;
    const Framed framed(t, mode, t.draw);
    Tensor weights;
    if (!t.r.weights.empty()) weights = Tensor::from(t.r.weights, t.r.shape);
    const image::MaskedOptions& of = t.r.options;
    const signal::MaskedOptions o{.mode = mode,
                                  .weights = weights,
                                  .nan = of.nan,
                                  .nan_value = of.nan_value,
                                  .keep_gain = of.keep_gain,
                                  .min_count = of.min_count,
                                  .fill = 0.5};
    const Tensor dy = t.typed(framed.of_result, framed.shape), x = t.x(), k = t.w();
    const Tensor dx = t.r.correlates ? signal::masked_correlate_data_gradient(dy, x, k, o)
                                     : signal::masked_convolve_data_gradient(dy, x, k, o);
    const Tensor dk = t.r.correlates ? signal::masked_correlate_filter_gradient(dy, x, k, o)
                                     : signal::masked_convolve_filter_gradient(dy, x, k, o);
    expect_gradients(dx, dk, framed.gradients(), where(seed));
  }
  EXPECT_GT(longer, 10);  // filters longer than the signal
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
