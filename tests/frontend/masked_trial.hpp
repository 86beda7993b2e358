#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include <faltung/masked.hpp>
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

/// A random masked convolution. Data and taps are whole numbers, so that sums are exact and what
/// rounds are quotients.
inline MaskedReference draw_masked(Draw& draw, Signs signs) {
  MaskedReference r;
  const int rank = draw(1, 3), n = rank == 1 ? 30 : rank == 2 ? 9 : 5;
  for (int a = 0; a < rank; ++a) {
    r.shape.push_back(draw(1, n));
    r.taps.push_back(draw(1, 4));
  }
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

}  // namespace faltung::test
