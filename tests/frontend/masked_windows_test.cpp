// Masked convolution of lines and images whose sums and divisors are formed in one go.

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

bool has_windows(const Tensor& x, const Tensor& w, const image::MaskedOptions& o) {
  const std::string text = image::plan_masked_convolve(x, w, o).explain();
  return text.find("in windows") != std::string::npos;
}

TEST(MaskedWindows, AreForNaNInLinesAndImages) {
  const Tensor x(f32, {70, 200}), w = Tensor::from<float>({1, 2, 3, 4, 2, 1}, {3, 2});
  EXPECT_TRUE(has_windows(x, w, {}));
  EXPECT_TRUE(has_windows(x, w, {.boundary = Boundary::constant(2)}));
  EXPECT_FALSE(has_windows(x, w, {.weights = x.view()}));
  EXPECT_FALSE(has_windows(x, w, {.min_count = 2}));  // which is a sum of its own
  EXPECT_FALSE(has_windows(x, w, {.method = Method::fft}));
  EXPECT_FALSE(has_windows(x, w, {.run = {.engine = "cpu.direct"}}));
  EXPECT_FALSE(has_windows(x, w, {.run = {.reproducible = true}}));
  const image::MaskedOptions corners{.boundary = {Boundary::zero(), Boundary::constant(1)}};
  EXPECT_FALSE(has_windows(x, w, corners));
  // An outer product of taps is two short sums.
  EXPECT_FALSE(has_windows(x, Tensor::from<float>({1, 2, 1, 2, 4, 2, 1, 2, 1}, {3, 3}), {}));
}

// Every remainder of rows, columns and blocks of taps, by every boundary: data and taps are whole,
// so that sums are exact.
TEST(MaskedWindows, AreTheDefinition) {
  struct Case {
    Shape shape, taps;
  };
  const Case cases[] = {{{64}, {1}},          {{65}, {3}},          {{200}, {31}},
                        {{333}, {64}},        {{150}, {127}},       {{700}, {300}},
                        {{9000}, {600}},      {{1, 130}, {1, 2}},   {{2, 64}, {2, 5}},
                        {{5, 127}, {4, 1}},   {{37, 200}, {5, 3}},  {{40, 70}, {7, 8}},
                        {{33, 129}, {20, 9}}, {{12, 90}, {30, 31}}, {{90, 700}, {61, 3}}};
  Draw draw(21);
  test::Judged judged;
  const Boundary rules[] = {Boundary::zero(),    Boundary::constant(7), Boundary::nearest(),
                            Boundary::reflect(), Boundary::mirror(),    Boundary::wrap()};
  int round = 0;
  for (const Case& c : cases) {
    for (const Boundary& rule : rules) {
      auto r = test::draw_masked(draw, test::Signs::both, c.shape, c.taps);
      r.weights.clear();
      r.options.boundary = rule;
      r.options.nan = NanRule::missing;
      r.options.nan_value = 0;
      if (r.options.min_count > 1 && round % 2 == 0) r.w.assign(r.w.size(), 3);  // counted
      const DType type = round % 3 == 0 ? f64 : round % 3 == 1 ? f32 : f16;
      const std::string where = "round " + std::to_string(round++);
      test::expect_definition(r, test::masked_result(r, type), judged, where);
    }
  }
  EXPECT_GT(judged.empty, 500);
  EXPECT_GT(judged.full, 50000);
}

// Infinity is no missing element: it is in the results that it meets, and in no others.
TEST(MaskedWindows, InfinityStaysWhereItIs) {
  for (const Shape& taps : {Shape{3, 5}, Shape{9, 40}}) {
    Tensor x(f32, {50, 300}), w(f32, taps);
    Draw draw(22);
    for (float& v : x.values<float>()) v = static_cast<float>(draw(0, 4) == 0 ? nan : draw(1, 9));
    for (float& v : w.values<float>()) v = static_cast<float>(draw(1, 9));
    x.at<float>(20, 100) = std::numeric_limits<float>::infinity();
    const Tensor y = image::masked_correlate(x, w, {.boundary = Boundary::zero()});
    for (std::int64_t i = 0; i < 50; ++i) {
      for (std::int64_t j = 0; j < 300; ++j) {
        const std::int64_t row = 20 - i + taps[0] / 2, column = 100 - j + taps[1] / 2;
        const bool meets = row >= 0 && row < taps[0] && column >= 0 && column < taps[1];
        ASSERT_EQ(std::isinf(y.at<float>(i, j)), meets) << i << ' ' << j;
      }
    }
  }
}

TEST(MaskedWindows, OfSignalsAreTheDefinition) {
  Draw draw(23);
  for (const std::int64_t taps : {1, 2, 31, 65, 130, 400}) {
    const std::int64_t n = 333;
    Tensor x(f64, {n}), k(f64, {taps});
    for (double& value : x.values<double>()) value = draw(0, 3) == 0 ? nan : draw(-50, 50);
    for (double& tap : k.values<double>()) tap = draw(1, 9);
    for (const signal::Mode mode : {signal::Mode::full, signal::Mode::same, signal::Mode::valid}) {
      const Tensor y = signal::masked_convolve(x, k, {.mode = mode});
      const std::int64_t most = std::max(n, taps), least = std::min(n, taps);
      const std::int64_t first = mode == signal::Mode::full   ? 0
                                 : mode == signal::Mode::same ? (taps - 1) / 2
                                                              : least - 1;
      ASSERT_EQ(y.shape()[0], mode == signal::Mode::full   ? n + taps - 1
                              : mode == signal::Mode::same ? n
                                                           : most - least + 1);
      for (std::int64_t i = 0; i < y.shape()[0]; ++i) {
        double sum = 0, divisor = 0;
        for (std::int64_t r = 0; r < taps; ++r) {
          const std::int64_t at = first + i - r;
          if (at < 0 || at >= n || std::isnan(x.at<double>(at))) continue;
          sum += k.at<double>(r) * x.at<double>(at);
          divisor += k.at<double>(r);
        }
        if (divisor == 0) {
          ASSERT_TRUE(std::isnan(y.at<double>(i)));
        } else {
          ASSERT_EQ(y.at<double>(i), sum / divisor) << name(mode) << ' ' << taps << ' ' << i;
        }
      }
    }
  }
}

// Long sums of f32 are cut into blocks: 3,969 products of about 0.1 u 1 err by less than half of
// what one running sum is allowed, 3,969 u.
TEST(MaskedWindows, LongSumsAreCutIntoBlocks) {
  Tensor x(f32, {64, 128}), w(f32, {63, 63});
  for (float& value : x.values<float>()) value = 0.1f;
  x.at<float>(0, 0) = static_cast<float>(nan);
  float next = 1;
  for (float& tap : w.values<float>()) tap = 0.7f + 0.0001f * (next = next > 99 ? 1 : next + 1);
  const Tensor y = image::masked_convolve(x, w, {.boundary = Boundary::wrap()});
  // Blocks of 252 products, and 16 of them: 268 roundings of both sums, and those of the quotient.
  for (const float value : y.values<float>()) {
    ASSERT_NEAR(value, 0.1, (2 * 268 + 4) * 0x1p-24 * 0.1);
  }
}

#ifdef FALTUNG_HAVE_HIGHWAY
TEST(MaskedWindows, AreTheDefinitionByEveryInstructionSet) {
  for (const std::string& target : cpu_targets()) {
    set_cpu_target(target);
    Draw draw(24);
    test::Judged judged;
    for (int round = 0; round < 12; ++round) {
      const Shape shape = round % 2 == 0 ? Shape{19, 140} : Shape{300};
      const Shape taps = round % 2 == 0 ? Shape{draw(1, 7), draw(1, 9)} : Shape{draw(1, 99)};
      auto r = test::draw_masked(draw, test::Signs::positive, shape, taps);
      r.weights.clear();
      test::expect_definition(r, test::masked_result(r, round % 4 < 2 ? f32 : f64), judged, target);
    }
    EXPECT_GT(judged.full, 1000);
  }
  set_cpu_target("");
}
#endif

TEST(MaskedWindows, ReadAndWriteAnyViews) {
  Draw draw(25);
  Tensor wide(f32, {30, 400}), y = Tensor::zeros(f32, {30, 400});
  for (float& v : wide.values<float>()) v = static_cast<float>(draw(0, 3) == 0 ? nan : draw(-9, 9));
  const Tensor w = Tensor::from<float>({1, 2, 1, 2, 5, 2, 1, 2, 1}, {3, 3});
  const TensorView x = wide.slice(1, {.step = 2}), to = y.slice(1, {.start = 1, .step = 2});
  for (const auto& fill : {std::optional<double>(-1), std::optional<double>()}) {
    const image::MaskedOptions o{.min_weight = 0.5, .fill = fill, .preserve_nan = !fill};
    image::masked_convolve(x, w, to, o);
    const Tensor want = image::masked_convolve(compact_copy(x, f32), w, o);
    const Tensor got = compact_copy(to, f32);
    EXPECT_EQ(std::memcmp(got.data(), want.data(), got.bytes()), 0);
    for (const float between : compact_copy(y.slice(1, {.step = 2}), f32).values<float>()) {
      ASSERT_EQ(between, 0);
    }
  }
}

}  // namespace
}  // namespace faltung
