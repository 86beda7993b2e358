#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cmath>
#include <faltung/faltung.hpp>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/emulator/host_runtime.hpp"
#include "tests/support/refusal.hpp"

// Masked convolution of data on a device is that of the CPU. Data, taps and weights are small
// integers, so that sums are exact on both, and quotients are the same divisions.
namespace faltung {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

// Kept plans go before the libraries that stand in look for what was left behind.
class CudaMasked : public ::testing::Test {
 protected:
  static void TearDownTestSuite() { clear_plan_cache(); }
};

/// Data of a type with holes: integers of -4 to 4, one in `rare` NaN.
Tensor data_of(DType type, const Shape& shape, std::mt19937& random, unsigned rare) {
  Tensor values(f64, shape);
  for (double& value : values.values<double>()) {
    value = random() % rare == 0 ? nan : static_cast<double>(random() % 9) - 4;
  }
  return compact_copy(values, type);
}
Tensor taps_of(const Shape& shape, std::mt19937& random, bool equal) {
  Tensor taps(f64, shape);
  for (double& tap : taps.values<double>()) tap = equal ? 2 : static_cast<double>(random() % 4);
  taps.values<double>()[0] = equal ? 2 : 3;  // they do not sum to 0
  return taps;
}
Tensor weights_of(const Shape& shape, std::mt19937& random) {
  Tensor weights(f32, shape);
  for (float& weight : weights.values<float>()) weight = static_cast<float>(random() % 3);
  return weights;
}

void expect_same(const Tensor& host, const Tensor& there) {
  ASSERT_EQ(there.device(), Device::cuda(0));
  ASSERT_EQ(host.dtype(), there.dtype());
  const Tensor a = compact_copy(host, f64), b = compact_copy(there.to(Device::cpu()), f64);
  ASSERT_EQ(a.shape(), b.shape());
  for (std::size_t i = 0; i < a.values<double>().size(); ++i) {
    const double x = a.values<double>()[i], y = b.values<double>()[i];
    ASSERT_TRUE(x == y || (std::isnan(x) && std::isnan(y))) << i << ": " << x << ", " << y;
  }
}

/// What all options may be, one after the other.
template <typename Options>
std::vector<Options> options_of(const Tensor& weights, const Tensor& by_column) {
  std::vector<Options> all;
  for (const ConstTensorView& weighing : {ConstTensorView{}, weights.view(), by_column.view()}) {
    for (const NanRule rule : {NanRule::missing, NanRule::value, NanRule::spread}) {
      for (const bool keep_gain : {false, true}) {
        Options o;
        o.weights = weighing;
        o.nan = rule;
        o.nan_value = rule == NanRule::value ? -3 : 0;
        o.keep_gain = keep_gain;
        all.push_back(o);
        if (rule != NanRule::missing && weighing.data == nullptr) continue;
        o.min_weight = 0.5;
        all.push_back(o);
        o.min_weight = 0;
        o.min_count = 3;
        o.fill = -7;
        all.push_back(o);
      }
    }
  }
  return all;
}

TEST_F(CudaMasked, ImagesAreThoseOfTheCpu) {
  std::mt19937 random(11);
  const Shape shape{9, 13};
  const Tensor weights = weights_of(shape, random), by_column = weights_of({1, 13}, random);
  const auto all = options_of<image::MaskedOptions>(weights, by_column);
  const Boundary boundaries[] = {Boundary::reflect(), Boundary::zero(), Boundary::constant(2),
                                 Boundary::wrap()};
  std::size_t cases = 0;
  for (image::MaskedOptions o : all) {
    for (const DType type : {f16, bf16, f32, f64}) {
      const Tensor x = data_of(type, shape, random, 4), w = taps_of({3, 5}, random, cases % 3 == 0);
      o.boundary = boundaries[cases++ % 4];
      o.preserve_nan = cases % 5 == 0;
      if (cases % 7 == 0) o.fill = std::nullopt;
      if (cases % 6 == 0) o.output = f32;
      if (type == f64) o.output = std::nullopt;
      SCOPED_TRACE(testing::Message() << cases << ' ' << name(type) << ' ' << name(o.nan));
      expect_same(image::masked_convolve(x, w, o),
                  image::masked_convolve(x.to(Device::cuda(0)), w, o));
      expect_same(image::masked_correlate(x, w, o),
                  image::masked_correlate(x.to(Device::cuda(0)), w, o));
    }
  }
  EXPECT_GE(cases, 150U);
}

TEST_F(CudaMasked, SignalsAreThoseOfTheCpu) {
  std::mt19937 random(12);
  const Shape shape{7, 11};
  const Tensor weights = weights_of(shape, random), by_column = weights_of({7, 1}, random);
  std::size_t cases = 0;
  for (signal::MaskedOptions o : options_of<signal::MaskedOptions>(weights, by_column)) {
    for (const signal::Mode mode : {signal::Mode::full, signal::Mode::same, signal::Mode::valid}) {
      o.mode = mode;
      const Tensor x = data_of(cases % 2 == 0 ? f32 : f64, shape, random, 3);
      const Tensor k = taps_of({2, 3}, random, cases++ % 3 == 0);
      SCOPED_TRACE(cases);
      expect_same(signal::masked_convolve(x, k, o),
                  signal::masked_convolve(x.to(Device::cuda(0)), k, o));
      expect_same(signal::masked_correlate(x, k, o),
                  signal::masked_correlate(x.to(Device::cuda(0)), k, o));
    }
  }
  EXPECT_GE(cases, 100U);
}

// Gradients are sums of quotients, which are rounded: integers of at most 4 in magnitude by weights
// of at most 2 and taps of at most 3, divisors of at least 1 where results are not empty, and the
// gain the sum S of all taps or 1. So gradients of sums are at most 4 S, those of divisors 4 S
// times quotients of at most 4, and a result has at most as many terms as there are elements, each
// of two such products. On either side each term errs by 8 u of its magnitude, and the sum by u for
// each of its terms. Where transforms fold, they err by less: 4 log2(points) u, at most 40 u, of
// the root of `terms` times 4 S, times S.
template <typename T>
void expect_close(const Tensor& host, const Tensor& there, const Tensor& taps, double terms) {
  ASSERT_EQ(there.device(), Device::cuda(0));
  ASSERT_EQ(host.dtype(), there.dtype());
  ASSERT_EQ(host.shape(), there.shape());
  double sum = 0;
  for (const double tap : taps.values<double>()) sum += tap;
  const double unit = std::numeric_limits<T>::epsilon() / 2;
  const double bound = 2 * (terms + 8) * unit * terms * 2 * (4 * sum * 4) * (4 * 2);
  const Tensor a = compact_copy(host, f64), b = compact_copy(there.to(Device::cpu()), f64);
  std::size_t finite = 0;
  for (std::size_t i = 0; i < a.values<double>().size(); ++i) {
    const double x = a.values<double>()[i], y = b.values<double>()[i];
    if (std::isnan(x)) {
      ASSERT_TRUE(std::isnan(y)) << i;
      continue;
    }
    ++finite;
    ASSERT_NEAR(x, y, bound) << i;
  }
  EXPECT_TRUE(finite > 0 || a.size() == 0 || std::isnan(a.values<double>()[0]));
}

TEST_F(CudaMasked, GradientsOfImagesAreThoseOfTheCpu) {
  std::mt19937 random(16);
  const Shape shape{6, 9};
  const double terms = 6 * 9;
  const Tensor weights = weights_of(shape, random), by_column = weights_of({1, 9}, random);
  const Boundary boundaries[] = {Boundary::reflect(), Boundary::zero(), Boundary::constant(2),
                                 Boundary::wrap()};
  std::size_t cases = 0;
  const Device gpu = Device::cuda(0);
  for (image::MaskedOptions o : options_of<image::MaskedOptions>(weights, by_column)) {
    o.boundary = boundaries[cases % 4];
    o.preserve_nan = cases % 5 == 0;
    if (cases % 3 == 0) o.fill = std::nullopt;
    const Tensor w = taps_of({3, 2}, random, cases++ % 4 == 0);
    SCOPED_TRACE(testing::Message() << cases << ' ' << name(o.nan));
    const Tensor dy = data_of(f64, shape, random, 1u << 30), x = data_of(f64, shape, random, 4);
    expect_close<double>(image::masked_convolve_data_gradient(dy, x, w, o),
                         image::masked_convolve_data_gradient(dy.to(gpu), x.to(gpu), w, o), w,
                         terms);
    expect_close<double>(image::masked_correlate_filter_gradient(dy, x, w, o),
                         image::masked_correlate_filter_gradient(dy.to(gpu), x.to(gpu), w, o), w,
                         terms);
    const Tensor dy32 = compact_copy(dy, f32), x32 = compact_copy(x, f32);
    expect_close<float>(image::masked_correlate_data_gradient(dy32, x32, w, o),
                        image::masked_correlate_data_gradient(dy32.to(gpu), x32.to(gpu), w, o), w,
                        terms);
    expect_close<float>(image::masked_convolve_filter_gradient(dy32, x32, w, o),
                        image::masked_convolve_filter_gradient(dy32.to(gpu), x32.to(gpu), w, o), w,
                        terms);
  }
  EXPECT_GE(cases, 40U);
}

TEST_F(CudaMasked, GradientsOfSignalsAreThoseOfTheCpu) {
  std::mt19937 random(17);
  const Shape shape{5, 8};
  const Tensor weights = weights_of(shape, random), by_column = weights_of({5, 1}, random);
  const Device gpu = Device::cuda(0);
  std::size_t cases = 0;
  for (signal::MaskedOptions o : options_of<signal::MaskedOptions>(weights, by_column)) {
    for (const signal::Mode mode : {signal::Mode::full, signal::Mode::same, signal::Mode::valid}) {
      o.mode = mode;
      const Tensor x = data_of(f64, shape, random, 3), k = taps_of({2, 3}, random, cases % 4 == 0);
      const Shape y = signal::masked_convolve(x, k, o).shape();
      const Tensor dy = data_of(f64, y, random, 1u << 30);
      const double terms = static_cast<double>(element_count(y));
      SCOPED_TRACE(cases++);
      expect_close<double>(signal::masked_convolve_data_gradient(dy, x, k, o),
                           signal::masked_convolve_data_gradient(dy.to(gpu), x.to(gpu), k, o), k,
                           terms);
      expect_close<double>(signal::masked_convolve_filter_gradient(dy, x, k, o),
                           signal::masked_convolve_filter_gradient(dy.to(gpu), x.to(gpu), k, o), k,
                           terms);
    }
  }
  EXPECT_GE(cases, 100U);
}

// Totals of more elements than one round of all blocks takes, and the same bits each time.
TEST_F(CudaMasked, GradientsOfLargeImagesHaveTheSameBits) {
  std::mt19937 random(18);
  const Shape shape{300, 301};
  const Tensor dy = data_of(f64, shape, random, 1u << 30), x = data_of(f64, shape, random, 4);
  const Tensor w = taps_of({3, 2}, random, false);
  const image::MaskedOptions o{.boundary = Boundary::wrap(), .keep_gain = true};
  const Tensor dy_there = dy.to(Device::cuda(0)), x_there = x.to(Device::cuda(0));
  const Tensor first = image::masked_convolve_filter_gradient(dy_there, x_there, w, o);
  expect_close<double>(image::masked_convolve_filter_gradient(dy, x, w, o), first, w, 300 * 301);
  expect_same(first.to(Device::cpu()),
              image::masked_convolve_filter_gradient(dy_there, x_there, w, o));
}

// Views of every other element, infinities under a weight of 0, and no room to spare.
TEST_F(CudaMasked, ViewsAndInfinities) {
  std::mt19937 random(13);
  Tensor x = data_of(f32, {8, 20}, random, 5), weights = weights_of({8, 20}, random);
  x.at<float>(2, 4) = static_cast<float>(inf);
  x.at<float>(6, 12) = static_cast<float>(-inf);
  weights.at<float>(2, 4) = 0;
  const Tensor w = taps_of({3, 3}, random, false);
  const auto half = [](auto view) {
    view.shape[1] /= 2;
    view.strides[1] *= 2;
    return view;
  };
  const Tensor there = x.to(Device::cuda(0));
  image::MaskedOptions o;
  o.weights = half(weights.view());
  Tensor host_y = Tensor::zeros(f32, {8, 20}), y = host_y.to(Device::cuda(0));
  image::masked_convolve(half(ConstTensorView(x)), w, half(TensorView(host_y)), o);
  image::masked_convolve(half(ConstTensorView(there)), w, half(TensorView(y)), o);
  expect_same(host_y, y);
}

// A plan runs without a look of the host: it can be captured, and lent memory is enough.
TEST_F(CudaMasked, PlansAreCaptured) {
  std::mt19937 random(14);
  const Tensor x = data_of(f32, {9, 13}, random, 4), w = taps_of({3, 3}, random, false);
  const Tensor weights = weights_of({9, 13}, random), there = x.to(Device::cuda(0));
  image::MaskedOptions o;
  o.weights = weights;
  o.min_count = 2;
  const FilterPlan plan = image::plan_masked_convolve(there, w, o);
  Tensor y = Tensor::zeros(f32, {9, 13}, Device::cuda(0));
  Tensor memory(u8, {static_cast<std::int64_t>(plan.workspace_bytes())}, Device::cuda(0));
  {
    const emulator::Capture capture;
    plan.run(there, y, {Device::cuda(0)}, {memory.data(), plan.workspace_bytes()});
  }
  (void)cudaDeviceSynchronize();
  expect_same(image::masked_convolve(x, w, o), y);
}

TEST_F(CudaMasked, PlansOfGradientsAreCaptured) {
  std::mt19937 random(19);
  const Shape shape{9, 13};
  const Device gpu = Device::cuda(0);
  const Tensor dy = data_of(f64, shape, random, 1u << 30), x = data_of(f64, shape, random, 4);
  const Tensor w = taps_of({3, 3}, random, false), dy_there = dy.to(gpu), x_there = x.to(gpu);
  image::MaskedOptions o;
  o.keep_gain = true;
  o.fill = std::nullopt;
  const auto captured = [&](const GradientPlan& plan) {
    Tensor result = Tensor::zeros(plan.dtype(), plan.shape(), gpu);
    Tensor memory(u8, {static_cast<std::int64_t>(plan.workspace_bytes())}, gpu);
    {
      const emulator::Capture capture;
      plan.run(dy_there, x_there, result, {gpu}, {memory.data(), plan.workspace_bytes()});
    }
    (void)cudaDeviceSynchronize();
    return result;
  };
  expect_close<double>(image::masked_convolve_data_gradient(dy, x, w, o),
                       captured(image::plan_masked_convolve_data_gradient(dy_there, x_there, w, o)),
                       w, 9 * 13);
  expect_close<double>(
      image::masked_convolve_filter_gradient(dy, x, w, o),
      captured(image::plan_masked_convolve_filter_gradient(dy_there, x_there, w, o)), w, 9 * 13);
}

TEST_F(CudaMasked, RefusalsSayWhereWhatBelongs) {
  std::mt19937 random(15);
  const Tensor x = data_of(f32, {9}, random, 4), w = taps_of({3}, random, false);
  const Tensor there = x.to(Device::cuda(0)), w_there = w.to(Device::cuda(0));
  image::MaskedOptions o;
  const auto expect = [&](const auto& call, const char* text) {
    try {
      call();
      ADD_FAILURE() << "not refused: " << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  };
  expect([&] { (void)image::masked_convolve(there, w_there, o); }, "w is on cuda:0");
  const Tensor weights = there.clone();
  o.weights = weights;
  expect([&] { (void)image::masked_convolve(there, w, o); }, "weights is on cuda:0");
  Tensor negative = weights_of({9}, random);
  negative.values<float>()[4] = -1;
  o.weights = negative;
  expect([&] { (void)image::masked_convolve(there, w, o); }, "negative, NaN or infinite");
  expect([&] { (void)image::masked_convolve_data_gradient(x, there, w, {}); }, "dy is on cpu");
}

}  // namespace
}  // namespace faltung
