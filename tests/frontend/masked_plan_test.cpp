// Planned gradients of masked convolution: the bits of the call on data that the plan has not seen.

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include <faltung/faltung.hpp>
#include "tests/golden/golden.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

using image::masked_convolve_data_gradient;
using image::masked_correlate_filter_gradient;
using image::MaskedOptions;

// New data for a plan: thirds, and other holes each time.
Tensor data(const Shape& shape, int round, bool holes) {
  Tensor x(f32, shape);
  int i = 0;
  for (float& value : x.values<float>()) {
    ++i;
    value = static_cast<float>((i * 29 + round * 7) % 53 - 17) / 3;
    if (holes && (i + round) % 5 == 0) value = std::numeric_limits<float>::quiet_NaN();
  }
  return x;
}

template <typename Call>
void expect_same_often(const GradientPlan& plan, Call call) {
  EXPECT_FALSE(plan.explain().empty());
  Tensor workspace(u8, {static_cast<std::int64_t>(plan.workspace_bytes())});
  for (int round = 0; round < 3; ++round) {
    const Tensor dy = data(plan.dy_shape(), round, false), x = data(plan.x_shape(), round, true);
    const Tensor want = call(dy, x);
    Tensor got(plan.dtype(), plan.shape());
    plan.run(dy, x, got, {}, {workspace.data(), workspace.bytes()});
    ASSERT_EQ(want.bytes(), got.bytes());
    EXPECT_EQ(std::memcmp(want.data(), got.data(), got.bytes()), 0) << round;
  }
}

TEST(MaskedGradientPlan, GivesTheBitsOfTheCallOnNewData) {
  const Tensor w = data({3, 4}, 0, false), weights = golden::sequence<std::uint8_t>({9, 8});
  const Tensor x = data({9, 8}, 9, true), dy = data({9, 8}, 9, false);
  const auto expect_both = [&](const MaskedOptions& o) {
    MaskedOptions planned = o;
    Tensor mine = weights.clone();
    if (o.weights.data != nullptr) planned.weights = mine;
    const auto of_x = image::plan_masked_convolve_data_gradient(dy, x, w, planned);
    const auto of_w = image::plan_masked_correlate_filter_gradient(dy, x, w, planned);
    std::memset(mine.data(), 0, mine.bytes());  // it has a copy
    expect_same_often(of_x, [&](const Tensor& g, const Tensor& in) {
      return masked_convolve_data_gradient(g, in, w, o);
    });
    expect_same_often(of_w, [&](const Tensor& g, const Tensor& in) {
      return masked_correlate_filter_gradient(g, in, w, o);
    });
  };
  expect_both({});
  expect_both({.weights = weights, .keep_gain = true, .min_count = 2});
  expect_both({.boundary = Boundary::zero(), .fill = std::nullopt, .preserve_nan = true});
  expect_both({.axes = {1, 0}, .nan = NanRule::value, .nan_value = 2});
}

TEST(MaskedGradientPlan, OfSignalsGivesTheBitsOfTheCallOnNewData) {
  const Tensor k = data({5}, 0, false), x = data({40}, 9, true), dy = data({44}, 9, false);
  const signal::MaskedOptions o{.keep_gain = true, .min_count = 2};
  expect_same_often(signal::plan_masked_convolve_data_gradient(dy, x, k, o),
                    [&](const auto& g, const auto& in) {
                      return signal::masked_convolve_data_gradient(g, in, k, o);
                    });
  expect_same_often(signal::plan_masked_correlate_filter_gradient(dy, x, k, o),
                    [&](const auto& g, const auto& in) {
                      return signal::masked_correlate_filter_gradient(g, in, k, o);
                    });
}

TEST(MaskedGradientPlan, RefusesOtherOperands) {
  const Tensor w = data({3, 4}, 0, false), x = data({9, 8}, 0, true), dy = data({9, 8}, 0, false);
  const GradientPlan plan = image::plan_masked_convolve_data_gradient(dy, x, w);
  Tensor dx(f32, {9, 8}), wide(f64, {9, 8}), small(u8, {16});
  EXPECT_REFUSED(plan.run(w, x, dx), "dy has shape");
  EXPECT_REFUSED(plan.run(dy, w, dx), "x has shape");
  EXPECT_REFUSED(plan.run(dy, x, wide), "dx has type");
  EXPECT_REFUSED(plan.run(dy, dx, dx), "dx overlaps x");
  EXPECT_REFUSED(plan.run(dx, x, dx), "dx overlaps dy");
  EXPECT_REFUSED(plan.run(dy, x, dx, {}, {small.data(), 16}), "workspace has 16 bytes");
  EXPECT_REFUSED(image::plan_masked_convolve_data_gradient(compact_copy(dy, f64), x, w),
                 "dy has type f64, the result has f32");
  const signal::MaskedOptions valid{.mode = signal::Mode::valid};
  EXPECT_REFUSED(signal::masked_convolve_data_gradient(dy, x, w, valid),
                 "the result has shape 7x5");
}

}  // namespace
}  // namespace faltung
