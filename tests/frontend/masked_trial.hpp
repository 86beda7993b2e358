#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <faltung/faltung.hpp>
#include "tests/frontend/masked_reference.hpp"

namespace faltung::test {

/// Whole numbers out of a seed.
class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  int operator()(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random_);
  }

 private:
  std::mt19937 random_;
};

/// Signs that the taps may have: with both, a divisor may cancel.
enum class Signs { positive, both };

/// A random masked convolution of x of this shape. Data and taps are whole numbers, so that sums
/// are exact and what rounds are quotients.
inline MaskedReference draw_masked(Draw& draw, Signs signs, const Shape& shape, const Shape& taps) {
  MaskedReference r{.shape = shape, .taps = taps, .x = {}, .weights = {}, .w = {}, .options = {}};
  const int least = signs == Signs::positive ? 1 : draw(0, 2) > 0 ? 0 : -3;
  const bool equal = draw(0, 3) == 0;
  const double first = draw(1, 5);
  for (std::int64_t i = 0; i < element_count(r.taps); ++i) {
    r.w.push_back(equal ? first : draw(least, 9));
  }
  if (!equal && signs == Signs::both) r.w[0] += 30;  // so that they do not sum to 0
  const int holes = draw(0, 3);
  for (std::int64_t i = 0; i < element_count(r.shape); ++i) {
    const bool hole = holes > 0 && draw(0, 4 - holes) == 0;
    r.x.push_back(hole ? std::numeric_limits<double>::quiet_NaN() : draw(-50, 50));
  }
  if (draw(0, 2) == 0) {
    for (std::int64_t i = 0; i < element_count(r.shape); ++i) {
      r.weights.push_back(draw(0, 3) * 0.25);
    }
  }
  const Boundary rules[] = {Boundary::zero(),    Boundary::constant(7), Boundary::nearest(),
                            Boundary::reflect(), Boundary::mirror(),    Boundary::wrap()};
  r.options.boundary = rules[draw(0, 5)];
  r.correlates = draw(0, 1) == 0;
  if (draw(0, 5) == 0) r.options.nan = NanRule::value, r.options.nan_value = 3;
  r.options.keep_gain = draw(0, 2) == 0;
  const bool may_miss = r.options.nan == NanRule::missing || !r.weights.empty();
  if (may_miss && draw(0, 2) == 0) r.options.min_count = draw(0, static_cast<int>(r.w.size()));
  if (may_miss && draw(0, 3) == 0) r.options.min_weight = 0.26;
  if (draw(0, 2) == 0) r.options.fill = draw(0, 1) == 0 ? std::optional<double>() : 0.5;
  r.options.preserve_nan = draw(0, 4) == 0;
  return r;
}

/// The same of a small x of one to three axes.
inline MaskedReference draw_masked(Draw& draw, Signs signs) {
  const int rank = draw(1, 3), n = rank == 1 ? 30 : rank == 2 ? 9 : 5;
  Shape shape, taps;
  for (int a = 0; a < rank; ++a) {
    shape.push_back(draw(1, n));
    taps.push_back(draw(1, 4));
  }
  return draw_masked(draw, signs, shape, taps);
}

/// What `r` defines, computed for x of a type.
inline Tensor masked_result(const MaskedReference& r, DType type) {
  const Tensor x = compact_copy(Tensor::from(r.x, r.shape), type);
  const Tensor w = Tensor::from(r.w, r.taps);
  image::MaskedOptions options = r.options;
  const Tensor weights = r.weights.empty() ? Tensor() : Tensor::from(r.weights, r.shape);
  options.weights = weights;
  return r.correlates ? image::masked_correlate(x, w, options)
                      : image::masked_convolve(x, w, options);
}

/// How many results were empty, and how many were not.
struct Judged {
  std::int64_t empty = 0, full = 0;
};

/// Holds results to the definition. Adds to `judged`.
inline void expect_definition(const MaskedReference& r, const Tensor& y, Judged& judged,
                              const std::string& where) {
  const double u = y.dtype() == f64 ? 0x1p-53 : 0x1p-24;
  const Tensor wide = compact_copy(y, f64);
  const auto ours = wide.values<double>();
  for_each_index(r.shape, [&](std::int64_t i, const Extents& index) {
    const auto want = r.result(index);
    (want.empty ? judged.empty : judged.full) += 1;
    const double got = ours[static_cast<std::size_t>(i)];
    ASSERT_EQ(std::isnan(got), std::isnan(want.y)) << where << ", element " << i;
    if (std::isnan(got)) return;
    const double store = y.dtype() == f16 ? 0x1p-11 * std::abs(want.y) + 0x1p-25 : 0;
    ASSERT_NEAR(got, want.y, MaskedReference::bound(want, r.w.size(), u) + store)
        << where << ", element " << i << ' ' << r.shape << " taps " << r.taps;
  });
}

}  // namespace faltung::test
