#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <faltung/plan_cache.hpp>
#include <faltung/tensor.hpp>

#include "tests/cuda/reductions.hpp"

// Whole results of all engines of a GPU, reduced where they lie: of problems too large for the
// definition. Under the emulator of smaller ones.
namespace faltung::test {
namespace {

#ifdef FALTUNG_EMULATED
constexpr bool emulated = true;
#else
constexpr bool emulated = false;
#endif

class WholeResults : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string reason = cuda_unavailable_reason();
    if (!reason.empty()) GTEST_SKIP() << reason;
  }
  void TearDown() override { clear_plan_cache(); }

  // Plans of all engines that take a problem and let nothing spread that is not finite.
  std::vector<Plan> plans(const Problem& p) const {
    std::vector<Plan> found;
    for (const std::string& engine : engine_names()) {
      if (!engine.starts_with("cuda.")) continue;
      try {
        Plan plan = Plan::make(p, gpu, {.engine = engine});
        if (!plan.facts().spreads_non_finite) found.push_back(std::move(plan));
      } catch (const NoEngine&) {
        continue;  // not for this problem
      }
    }
    return found;
  }

  const Device gpu = Device::cuda(0);
  const Stream stream{gpu, nullptr};
};

// 1 to 4, so that no sum is 0, and sums are exact.
template <typename T>
Tensor pattern(const Shape& shape) {
  Tensor tensor(dtype_of<T>, shape);
  std::uint32_t state = 1;
  for (T& value : tensor.values<T>()) {
    state = state * 1664525 + 1013904223;
    value = T(static_cast<float>(1 + (state >> 30)));
  }
  return tensor;
}

Problem image(const char* dtype, const char* rest) {
  return Problem::parse(std::string("op=fwd dtype=") + dtype +
                        (emulated ? " in=84x88 " : " in=6000x7000 ") + rest);
}

// So many elements of each kind, further apart than a filter reaches and away from the edges: the
// results that meet one are as many as its taps.
template <typename T>
void expect_counts(const WholeResults&, const Problem& p, const std::vector<Plan>& plans,
                   const Device& gpu, const Stream& stream) {
  constexpr std::int64_t apart = 40;
  Tensor x = pattern<T>(p.x_shape());
  const std::int64_t rows = p.axes[0].input, columns = p.axes[1].input;
  NonFinite planted;
  for (std::int64_t row = apart / 2; row + apart / 2 < rows; row += apart) {
    const bool nan = row / apart % 2 == 0;
    const double value =
        nan ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
    for (std::int64_t column = apart / 2; column + apart / 2 < columns; column += apart) {
      x.values<T>()[static_cast<std::size_t>(row * columns + column)] =
          T(static_cast<float>(value));
      ++(nan ? planted.nan : planted.infinite);
    }
  }
  const Tensor w = pattern<T>(p.w_shape()), there = x.to(gpu), taps = w.to(gpu);
  EXPECT_EQ(count_non_finite(emulated ? x.view() : there.view()), planted);
  const std::int64_t taps_of_one = p.axes[0].filter * p.axes[1].filter;
  for (const Plan& plan : plans) {
    SCOPED_TRACE(plan.engine() + '/' + plan.way());
    Tensor y(dtype_of<T>, p.y_shape(), gpu);
    plan.run(stream, there, taps, y);
    const Tensor here = emulated ? y.to(Device::cpu()) : Tensor();
    EXPECT_EQ(count_non_finite(emulated ? here.view() : y.view()),
              (NonFinite{planted.nan * taps_of_one, planted.infinite * taps_of_one}));
  }
}

TEST_F(WholeResults, NonFiniteNumbersAreWhereTheyBelong) {
  for (const char* rest : {"f=5x5 pad=2 boundary=reflect", "f=11x9 pad=5x4 boundary=nearest"}) {
    SCOPED_TRACE(rest);
    const Problem f32 = image("f32", rest), f64 = image("f64", rest), f16 = image("f16", rest);
    const std::vector<Plan> all = plans(f32);
    EXPECT_GE(all.size(), 3U);
    expect_counts<float>(*this, f32, all, gpu, stream);
    expect_counts<double>(*this, f64, plans(f64), gpu, stream);
    expect_counts<Half>(*this, f16, plans(f16), gpu, stream);
  }
}

// What `measure` samples, everywhere: whole numbers are exact in all engines but those that err by
// the norm.
TEST_F(WholeResults, EnginesAgreeEverywhere) {
  for (const char* rest : {"f=5x5 pad=2", "f=11x9 pad=5x4 boundary=mirror", "f=3x3 stride=2"}) {
    SCOPED_TRACE(rest);
    const Problem p = image("f32", rest);
    const Tensor x = pattern<float>(p.x_shape()), w = pattern<float>(p.w_shape());
    const Tensor there = x.to(gpu), taps = w.to(gpu);
    const auto squares = [](const Tensor& t) {
      double sum = 0;
      for (const float value : t.values<float>()) sum += double{value} * value;
      return sum;
    };
    std::vector<Tensor> results;
    for (const std::string& engine : engine_names()) {
      if (!engine.starts_with("cuda.")) continue;
      try {
        const Plan plan = Plan::make(p, gpu, {.engine = engine});
        SCOPED_TRACE(engine + '/' + plan.way());
        Tensor y = Tensor::zeros(f32, p.y_shape(), gpu);
        plan.run(stream, there, taps, y);
        results.push_back(emulated ? y.to(Device::cpu()) : std::move(y));
        const ErrorBound bound = plan.error_bound();
        const bool normwise = bound.kind == ErrorBound::Kind::normwise;
        // The extended input has the values of x, some of them twice.
        const double allowed =
            normwise ? 2 * bound.constant * std::sqrt(2 * squares(x) * squares(w)) : 0;
        EXPECT_LE(largest_difference(results.front().view(), results.back().view()), allowed);
      } catch (const NoEngine&) {
        continue;  // not for this problem
      }
    }
    EXPECT_GE(results.size(), 2U);
  }
}

// The steps themselves, on the host.
TEST(Reductions, CountAndCompare) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {
      0, -nan, 1, infinity, -infinity, nan, std::numeric_limits<float>::max(), 1e-42f, -0.0f};
  const auto with = [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> converted;
    for (const float value : values) converted.push_back(T(value));
    Tensor tensor = Tensor::from(converted);
    if (!emulated) tensor = tensor.to(Device::cuda(0));
    return count_non_finite(tensor.view());
  };
  if (!emulated && !cuda_unavailable_reason().empty()) GTEST_SKIP() << cuda_unavailable_reason();
  EXPECT_EQ(with(float{}), (NonFinite{2, 2}));
  EXPECT_EQ(with(double{}), (NonFinite{2, 2}));
  EXPECT_EQ(with(Half{}), (NonFinite{2, 3}));  // the largest f32 is none of f16
  EXPECT_EQ(with(BFloat16{}), (NonFinite{2, 3}));
  const auto apart = [&](std::vector<float> a, std::vector<float> b) {
    Tensor first = Tensor::from(a), second = Tensor::from(b);
    if (emulated) return largest_difference(first.view(), second.view());
    first = first.to(Device::cuda(0));
    second = second.to(Device::cuda(0));
    return largest_difference(first.view(), second.view());
  };
  EXPECT_EQ(apart({1, 2, 3}, {1, 2.5f, 1}), 2);
  EXPECT_EQ(apart({1, infinity}, {1, infinity}), 0);
  EXPECT_TRUE(std::isnan(apart({1, nan, 3}, {1, 2, 9})));
  EXPECT_TRUE(std::isnan(apart({nan, 1, 3}, {1, 2, 9})));
}

}  // namespace
}  // namespace faltung::test
