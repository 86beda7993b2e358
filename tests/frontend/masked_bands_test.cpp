// Masked convolution of images and signals so large that they are cut into bands.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include <faltung/faltung.hpp>
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/simd/cpu_target.hpp"
#endif
#include "tests/frontend/masked_trial.hpp"

namespace faltung {
namespace {

using test::Draw;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// 300 rows of 200 elements: two bands of 150, which read two rows more on each side.
TEST(MaskedBands, AreWhatLargeImagesAreCutInto) {
  const Tensor x(f32, {300, 200}), w = Tensor::from<float>({1, 2, 3, 2, 1, 1, 2, 3, 2, 1}, {5, 2});
  const Tensor weights(f32, {300, 200});
  const std::string of_image =
      image::plan_masked_convolve(x, w, {.weights = weights.view()}).explain();
  EXPECT_NE(of_image.find("in=154x200"), std::string::npos) << of_image;
  const std::string of_signal =
      signal::plan_masked_convolve(x, w, {.mode = signal::Mode::same, .weights = weights.view()})
          .explain();
  EXPECT_NE(of_signal.find("in=154x200"), std::string::npos) << of_signal;
}

TEST(MaskedBands, OfImagesAreTheDefinition) {
  struct Case {
    Shape shape, taps;
  };
  const Case cases[] = {
      {{300, 200}, {5, 3}}, {{70001}, {7}}, {{261, 12, 20}, {2, 3, 1}}, {{20000, 3}, {4, 2}}};
  Draw draw(11);
  test::Judged judged;
  const Boundary rules[] = {Boundary::zero(),    Boundary::constant(7), Boundary::nearest(),
                            Boundary::reflect(), Boundary::mirror(),    Boundary::wrap()};
  int round = 0;
  for (const Case& c : cases) {
    for (const Boundary& rule : rules) {
      auto r = test::draw_masked(draw, test::Signs::both, c.shape, c.taps);
      r.options.boundary = rule;
      const DType type = round % 3 == 0 ? f64 : round % 3 == 1 ? f32 : f16;
      const std::string where = "round " + std::to_string(round++);
      test::expect_definition(r, test::masked_result(r, type), judged, where);
    }
  }
  EXPECT_GT(judged.empty, 1000);
  EXPECT_GT(judged.full, 100000);
}

// Holes in a few rows alone: bands without any divide by the sum of the taps.
TEST(MaskedBands, WithAndWithoutHolesAreTheDefinition) {
  Draw draw(12);
  test::Judged judged;
  for (const Boundary& rule : {Boundary::zero(), Boundary::reflect()}) {
    auto r = test::draw_masked(draw, test::Signs::positive, {900, 100}, {3, 3});
    r.options = {.boundary = rule, .min_count = 9, .fill = std::nullopt};
    r.weights.clear();
    for (double& value : r.x) value = draw(-50, 50);
    for (std::size_t i = 31000; i < 31040; ++i) r.x[i] = nan;
    test::expect_definition(r, test::masked_result(r, f32), judged, "holes");
  }
  EXPECT_GT(judged.empty, 200);
}

TEST(MaskedBands, OfSignalsAreTheDefinition) {
  const Shape shape{400, 151}, taps{3, 2};
  Draw draw(13);
  Tensor x(f64, shape), k(f64, taps);
  for (double& value : x.values<double>()) value = draw(0, 3) == 0 ? nan : draw(-50, 50);
  for (double& tap : k.values<double>()) tap = draw(1, 9);
  for (const signal::Mode mode : {signal::Mode::full, signal::Mode::same, signal::Mode::valid}) {
    const Tensor y = signal::masked_convolve(x, k, {.mode = mode});
    const std::int64_t first[] = {mode == signal::Mode::full   ? 0
                                  : mode == signal::Mode::same ? 1
                                                               : 2,
                                  mode == signal::Mode::valid ? 1 : 0};
    for_each_index(y.shape(), [&](std::int64_t i, const Extents& index) {
      double sum = 0, divisor = 0;
      for_each_index(taps, [&](std::int64_t tap, const Extents& r) {
        const std::int64_t row = first[0] + index[0] - r[0], column = first[1] + index[1] - r[1];
        if (row < 0 || row >= shape[0] || column < 0 || column >= shape[1]) return;
        const double value = x.at<double>(row, column);
        if (std::isnan(value)) return;
        sum += k.values<double>()[static_cast<std::size_t>(tap)] * value;
        divisor += k.values<double>()[static_cast<std::size_t>(tap)];
      });
      const double got = y.values<double>()[static_cast<std::size_t>(i)];
      // Sums are whole. Where nothing is missing the divisor is the sum of the taps, whole too.
      if (divisor == 0) {
        ASSERT_TRUE(std::isnan(got)) << name(mode) << ' ' << i;
      } else {
        ASSERT_EQ(got, sum / divisor) << name(mode) << ' ' << i;
      }
    });
  }
}

#ifdef FALTUNG_HAVE_HIGHWAY
// Loads and quotients; sums of whole numbers are exact anyway.
TEST(MaskedBands, AreTheSameBitsByEveryInstructionSet) {
  Draw draw(15);
  for (int round = 0; round < 4; ++round) {
    auto r = test::draw_masked(draw, test::Signs::positive, {300, 150}, {3, 3});
    const DType type = round % 2 == 0 ? f32 : f64;
    if (round > 1) {
      r.weights.clear();
      for (std::size_t i = 0; i < r.x.size(); ++i) r.weights.push_back(draw(0, 3) * 0.25);
    }
    set_cpu_target("");
    const Tensor want = test::masked_result(r, type);
    for (const std::string& target : cpu_targets()) {
      set_cpu_target(target);
      const Tensor got = test::masked_result(r, type);
      EXPECT_EQ(std::memcmp(got.data(), want.data(), got.bytes()), 0) << target;
    }
  }
  set_cpu_target("");
}
#endif

// Views of other types and strides, and weights that are the same along an axis.
TEST(MaskedBands, ReadAndWriteAnyViews) {
  Draw draw(14);
  Tensor wide(f32, {300, 400}), y = Tensor::zeros(f32, {300, 400}), weights(f64, {300, 1});
  for (float& v : wide.values<float>()) v = static_cast<float>(draw(0, 3) == 0 ? nan : draw(-9, 9));
  for (double& v : weights.values<double>()) v = draw(0, 2);
  const Tensor w = Tensor::from<float>({1, 2, 1, 2, 4, 2, 1, 2, 1}, {3, 3});
  const TensorView x = wide.slice(1, {.step = 2}), to = y.slice(1, {.start = 1, .step = 2});
  const image::MaskedOptions o{.weights = weights, .fill = -1};
  image::masked_convolve(x, w, to, o);
  const Tensor packed = compact_copy(x, f32), want = image::masked_convolve(packed, w, o);
  const Tensor got = compact_copy(to, f32);
  for (std::size_t i = 0; i < 60000; ++i) {
    ASSERT_EQ(got.values<float>()[i], want.values<float>()[i]) << i;
  }
  for (const float between : compact_copy(y.slice(1, {.step = 2}), f32).values<float>()) {
    ASSERT_EQ(between, 0);
  }
}

}  // namespace
}  // namespace faltung
