// Layers of bytes that are planned once. nn_golden_test.cpp compares with ONNX.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <faltung/error.hpp>
#include <faltung/nn_quantised.hpp>
#include "tests/golden/golden.hpp"
#include "tests/support/refusal.hpp"

namespace faltung::nn {
namespace {

std::mt19937 fresh() { return std::mt19937(20261); }

Tensor bytes(DType type, const Shape& shape, std::mt19937& random) {
  Tensor result(type, shape);
  for (std::uint8_t& v : std::span(static_cast<std::uint8_t*>(result.data()), result.bytes())) {
    v = static_cast<std::uint8_t>(random());
  }
  return result;
}

double to_even(double value) {
  const double below = std::floor(value);
  if (value - below != 0.5) return std::floor(value + 0.5);
  return std::fmod(below, 2) == 0 ? below : below + 1;
}

constexpr DType byte_types[] = {i8, u8};

TEST(PlanConvInteger, IsTheOneCallForEveryLayoutTypeAndBatch) {
  std::mt19937 random = fresh();
  for (const DType xt : byte_types) {
    for (const DType wt : byte_types) {
      for (const bool shifted : {false, true}) {
        for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
          const bool first = layout == Layout::channels_first;
          const Tensor x = bytes(xt, first ? Shape{5, 4, 7, 6} : Shape{5, 7, 6, 4}, random);
          const Tensor w = bytes(wt, first ? Shape{6, 2, 3, 2} : Shape{6, 3, 2, 2}, random);
          const ZeroPoints zero = shifted ? ZeroPoints{17, {1, 2, 3, 4, 5, 6}} : ZeroPoints{};
          const ConvOptions options{.stride = {2, 1}, .padding = 1, .groups = 2, .layout = layout};
          const Tensor want = conv_integer(x, w, zero, options);
          const QuantisedPlan plan = plan_conv_integer(x.shape(), xt, w, zero, options);
          EXPECT_EQ(plan.y_dtype(), i32);
          ASSERT_EQ(plan.y_shape(), want.shape());
          Tensor y(i32, plan.y_shape());
          plan.run(x, y);
          EXPECT_EQ(golden::numbers(y), golden::numbers(want));
          const QuantisedPlan last = plan.with_batch(2);
          Tensor some(i32, last.y_shape());
          last.run(x.slice(0, {.stop = 2}), some);
          EXPECT_EQ(golden::numbers(some),
                    golden::numbers(compact_copy(want.slice(0, {.stop = 2}), i32)));
        }
      }
    }
  }
}

// Against the formula, with sums from conv_integer: scales that make halves, and any.
TEST(QLinearConv, IsTheFormula) {
  std::mt19937 random = fresh();
  for (int round = 0; round < 100; ++round) {
    const Layout layout = round % 2 == 0 ? Layout::channels_first : Layout::channels_last;
    const bool first = layout == Layout::channels_first, one = round % 3 == 0;
    const DType xt = byte_types[random() % 2], wt = byte_types[random() % 2];
    Quantisation q{.y = byte_types[random() % 2]};
    const std::int64_t space = round % 5 == 0 ? 1 : 5;  // one pixel of output, or several
    const Tensor x =
        bytes(xt, first ? Shape{2, 3, 2 + space, 3} : Shape{2, 2 + space, 3, 3}, random);
    const Tensor w = bytes(wt, first ? Shape{4, 3, 3, 3} : Shape{4, 3, 3, 3}, random);
    const auto zero_of = [&](DType t) {
      return static_cast<std::int64_t>(random() % 256) - (t == i8 ? 128 : 0);
    };
    q.x_zero = zero_of(xt);
    q.w_zero = {zero_of(wt)};
    q.y_zero = zero_of(q.y);
    std::uniform_real_distribution<double> any(0.5, 2);
    q.x_scale = one ? 0.5 : any(random) / 100;
    q.w_scale = one ? std::vector<double>{0.125, 0.25, 0.5, 1} : std::vector<double>{any(random)};
    q.y_scale = one ? 64 : any(random);
    Tensor bias(i32, {4});
    for (int& b : bias.values<int>()) b = static_cast<int>(random() % 20000) - 10000;
    const ConvOptions options{.layout = layout};

    const Tensor sums = conv_integer(x, w, {q.x_zero, q.w_zero}, options);
    std::vector<double> want;
    const auto at = sums.values<int>();
    for (std::size_t i = 0; i < at.size(); ++i) {
      const std::size_t k = first ? i / (at.size() / 8) % 4 : i % 4;  // n = 2, k = 4
      const double factor = q.x_scale * q.w_scale[one ? k : 0] / q.y_scale;
      const double y =
          to_even((at[i] + bias.values<int>()[k]) * factor) + static_cast<double>(q.y_zero);
      const double low = q.y == i8 ? -128 : 0;
      want.push_back(std::clamp(y, low, low + 255));
    }
    ASSERT_EQ(golden::numbers(qlinear_conv(x, w, q, bias, options)), want) << round;
  }
}

TEST(QLinearConv, ManyElementsAreSharedByThreads) {
  std::mt19937 random = fresh();
  for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
    const bool first = layout == Layout::channels_first;
    const Tensor x = bytes(u8, first ? Shape{2, 1, 300, 301} : Shape{2, 300, 301, 1}, random);
    const Tensor w = Tensor::from<std::int8_t>({1, -1, 2}, {3, 1, 1, 1});
    const Tensor y =
        qlinear_conv(x, w, {.w_scale = {1, 2, 0.25}, .y_zero = 3, .y = i8}, {}, {.layout = layout});
    const auto xv = x.values<std::uint8_t>();
    for (std::size_t i = 0; i < y.values<std::int8_t>().size(); ++i) {
      const std::size_t space = 300 * 301;
      const std::size_t k = first ? i / space % 3 : i % 3;
      const double v = xv[first ? i / space / 3 * space + i % space : i / 3];
      const double r = k == 0 ? v : k == 1 ? -2 * v : to_even(v / 2);
      ASSERT_EQ(y.values<std::int8_t>()[i], std::clamp(r + 3, -128.0, 127.0)) << i;
    }
  }
}

TEST(QLinearConv, SumsWrapAndFactorsMayBeExtreme) {
  const Tensor x = Tensor::from<std::uint8_t>({1, 2}, {1, 1, 2});
  const Tensor w = Tensor::from<std::int8_t>({1}, {1, 1, 1});
  const Tensor bias = Tensor::from<std::int32_t>({std::numeric_limits<std::int32_t>::max()});
  const auto run = [&](const Quantisation& q) {
    return golden::numbers(qlinear_conv(x, w, q, bias));
  };
  // max + 1 and max + 2 are the least values of i32.
  EXPECT_EQ(run({.y_scale = 0x1p24, .y_zero = 0, .y = i8}), (std::vector<double>{-128, -128}));
  EXPECT_EQ(run({.y_scale = 0x1p25, .y_zero = 64}), (std::vector<double>{0, 0}));
  EXPECT_EQ(run({.x_scale = 1e300, .y_scale = 1, .y_zero = 7}), (std::vector<double>{0, 0}));
  EXPECT_EQ(run({.x_scale = 1e-300, .y_zero = 7}), (std::vector<double>{7, 7}));
}

TEST(QLinearConv, RunsWithinALentWorkspace) {
  std::mt19937 random = fresh();
  const Tensor x = bytes(u8, {2, 3, 9, 9}, random), w = bytes(i8, {4, 3, 3, 3}, random);
  const Quantisation q{.x_zero = 3, .w_scale = {0.01}, .y_zero = 128};
  int allocations = 0;
  Allocator hook = Allocator::standard(Device::cpu());
  hook.context = &allocations;
  hook.allocate = [](void* count, std::size_t size, std::size_t alignment, const Stream& stream) {
    ++*static_cast<int*>(count);
    const Allocator standard = Allocator::standard(Device::cpu());
    return standard.allocate(standard.context, size, alignment, stream);
  };
  hook.deallocate = [](void*, void* data, std::size_t size, std::size_t alignment,
                       const Stream& stream) {
    const Allocator standard = Allocator::standard(Device::cpu());
    standard.deallocate(standard.context, data, size, alignment, stream);
  };
  const QuantisedPlan plan =
      plan_qlinear_conv(x.shape(), u8, w, q, {}, {.padding = 1, .run = {.allocator = hook}});
  Tensor y(u8, plan.y_shape()), again(u8, plan.y_shape());
  plan.run(x, y);
  EXPECT_GE(allocations, 1);
  const int before = allocations;
  Tensor scratch(u8, {static_cast<std::int64_t>(plan.workspace_bytes())});
  plan.run(x, again, {}, {scratch.data(), scratch.bytes()});
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(golden::numbers(y), golden::numbers(again));
  EXPECT_REFUSED(plan.run(x, y, {}, {scratch.data(), 256}), "workspace has 256 bytes, the plan");
  EXPECT_REFUSED(plan.run(x, y, {}, {static_cast<char*>(scratch.data()) + 1, scratch.bytes()}),
                 "misaligned");
  EXPECT_REFUSED(plan.run(x, y, {}, {y.data(), plan.workspace_bytes()}), "y overlaps the work");
  EXPECT_REFUSED(plan.run(x, scratch), "y has shape");
  Tensor sums(i32, plan.y_shape());
  EXPECT_REFUSED(plan.run(x, sums), "y has type i32");
}

TEST(QLinearConv, RefusesWhatItCannotMean) {
  const Tensor x = Tensor::zeros(u8, {1, 1, 4}), w = Tensor::zeros(i8, {2, 1, 2});
  const auto run = [&](const Quantisation& q, const ConvOptions& o = {}) {
    return qlinear_conv(x, w, q, {}, o);
  };
  EXPECT_REFUSED(run({.x_scale = 0}), "x_scale is 0; a scale is finite and greater than 0");
  EXPECT_REFUSED(run({.y_scale = -1}), "y_scale is -1");
  EXPECT_REFUSED(run({.w_scale = {1, std::nan("")}}), "w_scale is nan");
  EXPECT_REFUSED(run({.w_scale = {1, 1, 1}}), "w has 3 scales for 2 output channels");
  EXPECT_REFUSED(run({.x_scale = 1e300, .y_scale = 1e-300}), "x_scale w_scale / y_scale is inf");
  EXPECT_REFUSED(run({.y_zero = -1}), "y zero point -1 is not a value of u8; use 0 to 255");
  EXPECT_REFUSED(run({.y_zero = 128, .y = i8}), "use -128 to 127");
  EXPECT_REFUSED(run({.y = i32}), "y is to have type i32");
  EXPECT_REFUSED(run({}, {.beta = 1}), "alpha, beta or overflow is set");
  EXPECT_REFUSED(run({}, {.overflow = Overflow::saturate}), "overflow");
  EXPECT_REFUSED(run({}, {.activation = Activation::relu()}), "requantising");
  EXPECT_REFUSED(run({.x_zero = 256}), "x zero point 256");
  EXPECT_REFUSED(qlinear_conv(x, w, {}, Tensor::zeros(i32, {3})), "bias has shape 3");
  EXPECT_REFUSED(qlinear_conv(x, w, {}, Tensor::zeros(f32, {2})), "bias has type f32");
  EXPECT_THROW((void)plan_qlinear_conv({1, 1, 4}, u8, w, {}, {}, {}, Device::cuda(0)), NoEngine);
}

TEST(QLinearConv, ReadsStridedViewsAndEmptyOnes) {
  std::mt19937 random = fresh();
  const Tensor nhwc = bytes(u8, {2, 5, 4, 3}, random), w = bytes(i8, {4, 3, 2, 2}, random);
  const Quantisation q{.x_zero = 9, .w_scale = {0.02}, .y_zero = 100};
  const ConstTensorView nchw = nhwc.permute({0, 3, 1, 2});
  EXPECT_EQ(golden::numbers(qlinear_conv(nchw, w, q)),
            golden::numbers(qlinear_conv(compact_copy(nchw, u8), w, q)));
  EXPECT_EQ(qlinear_conv(Tensor(u8, {0, 3, 5, 4}), w, q).shape(), (Shape{0, 4, 4, 3}));
}

// Both layouts, one and several channels, one and several pixels, enough rows for two blocks.
TEST(QLinearConv, WritesStridedViews) {
  std::mt19937 random = fresh();
  for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
    for (const std::int64_t channels : {1, 3}) {
      for (const Shape& space : {Shape{1, 1}, Shape{1, 5}, Shape{4, 1}, Shape{70, 260}}) {
        const bool first = layout == Layout::channels_first;
        const Tensor x = bytes(
            u8, first ? Shape{2, 1, space[0], space[1]} : Shape{2, space[0], space[1], 1}, random);
        const Tensor w = bytes(i8, {channels, 1, 1, 1}, random);
        Quantisation q{.x_zero = 9, .w_scale = {}, .y_zero = -3, .y = i8};
        for (std::int64_t k = 0; k < channels; ++k)
          q.w_scale.push_back(0.01 * static_cast<double>(k + 1));
        const Tensor want = qlinear_conv(x, w, q, {}, {.layout = layout});
        Shape turned;
        for (std::size_t i = 4; i-- > 0;) turned.push_back(2 * want.shape()[i]);
        Tensor memory = Tensor::zeros(i8, turned);
        TensorView y = memory.permute({3, 2, 1, 0});
        y = y.slice(0, {.step = 2}).slice(1, {.start = 1, .step = 2});
        y = y.slice(2, {.step = -2}).slice(3, {.step = 2});
        qlinear_conv(x, w, y, q, {}, {.layout = layout});
        EXPECT_EQ(golden::numbers(compact_copy(y, i8)), golden::numbers(want)) << want.shape();
      }
    }
  }
  Tensor few = Tensor::zeros(u8, {4});
  const TensorView twice{few.data(), u8, {1, 1, 4}, {4, 4, 0}, Device::cpu()};
  EXPECT_REFUSED(
      qlinear_conv(Tensor::zeros(u8, {1, 1, 4}), Tensor::zeros(u8, {1, 1, 1}), twice, {}), "y");
}

}  // namespace
}  // namespace faltung::nn
