// What a call is given it uses, or refuses: no operand, option or memory is dropped silently. And
// operands and result may be slices of one buffer.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include <faltung/nn.hpp>
#include <faltung/nn_quantised.hpp>
#include <faltung/plan.hpp>
#include <faltung/resample.hpp>
#include <faltung/signal.hpp>
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

class DroppedBias : public ::testing::Test {
 protected:
  Tensor x = Tensor::zeros(f32, {1, 2, 5, 5}), w = Tensor::zeros(f32, {3, 2, 3, 3});
  Tensor y = Tensor::zeros(f32, {1, 3, 3, 3}), bias = Tensor::from<float>({1, 2, 3});
  float one = 1;
  // Neither is none: one has data, the other elements.
  ConstTensorView scalar = view(static_cast<const float*>(&one), {});
  ConstTensorView nothing = bias.slice(0, {.stop = 0});
};

TEST_F(DroppedBias, OfAPlan) {
  const Plan without = Plan::make(nn::conv_problem(x.shape(), w.shape()));
  const Plan with = Plan::make(nn::conv_problem(x.shape(), w.shape(), {.bias = true}));
  EXPECT_REFUSED(without.run(x, w, y, {}, bias), "a bias of shape 3 is passed, but the problem");
  EXPECT_REFUSED(without.run(x, w, y, {}, scalar), "a bias of shape scalar is passed");
  EXPECT_REFUSED(without.run(x, w, y, {}, nothing), "a bias of shape 0 is passed");
  without.run(x, w, y, {}, Tensor());
  without.run(x, w, y, {}, ConstTensorView{});
  EXPECT_REFUSED(with.run(x, w, y),
                 "has a bias (bias=1), but none is passed; pass 3 values of f32");
  EXPECT_REFUSED(with.run(x, w, y, {}, Tensor()), "but none is passed");
  EXPECT_REFUSED(with.run(x, w, y, {}, scalar), "bias has shape scalar, the problem says 3");
  ConstTensorView null = bias;
  null.data = nullptr;
  EXPECT_REFUSED(with.run(x, w, y, {}, null), "bias has no data");
  with.run(x, w, y, {}, bias);
  EXPECT_EQ(y.at<float>(0, 2, 1, 1), 3);
}

TEST_F(DroppedBias, OfALayer) {
  EXPECT_REFUSED(nn::conv(x, w, {.bias = true}), "bias is true, but no bias is passed");
  EXPECT_REFUSED(nn::conv(x, w, y, {.bias = true}), "no bias is passed");
  EXPECT_REFUSED(nn::conv(x, w, {}, scalar), "bias has shape scalar");
  EXPECT_REFUSED(nn::conv(x, w, {}, nothing), "bias has shape 0");
  EXPECT_EQ(nn::conv(x, w, {}, Tensor()).at<float>(0, 2, 1, 1), 0);
  EXPECT_EQ(nn::conv(x, w, {.bias = true}, bias).at<float>(0, 2, 1, 1), 3);
  const Tensor taps = Tensor::zeros(f32, {2, 3, 3, 3});
  EXPECT_REFUSED(nn::conv_transpose(x, taps, {.bias = true}), "no bias is passed");
  EXPECT_REFUSED(nn::conv_transpose(x, taps, {}, scalar), "bias has shape scalar");
  EXPECT_EQ(nn::conv_transpose(x, taps, {}, Tensor()).at<float>(0, 2, 1, 1), 0);
}

TEST_F(DroppedBias, OfAQuantisedLayer) {
  const Tensor bytes = Tensor::zeros(u8, x.shape()), taps = Tensor::zeros(u8, w.shape());
  const std::int32_t whole = 1;
  const ConstTensorView number = view(&whole, {});
  EXPECT_REFUSED(nn::conv_integer(bytes, taps, {}, {.bias = true}), "no bias is passed");
  EXPECT_REFUSED(nn::qlinear_conv(bytes, taps, {}, {}, {.bias = true}), "no bias is passed");
  EXPECT_REFUSED(nn::qlinear_conv(bytes, taps, {}, number), "bias has shape scalar");
  EXPECT_EQ(nn::qlinear_conv(bytes, taps, {}, Tensor()).at<std::uint8_t>(0, 2, 1, 1), 0);
  const Tensor sums = Tensor::from<std::int32_t>({1, 2, 3});
  const Tensor result = nn::qlinear_conv(bytes, taps, {}, sums, {.bias = true});
  EXPECT_EQ(result.at<std::uint8_t>(0, 2, 1, 1), 3);
}

TEST(DroppedOptions, OfAQuantisedPlan) {
  const Tensor taps = Tensor::zeros(u8, {3, 2, 3, 3});
  const Shape x = {1, 2, 5, 5};
  Tensor memory(u8, {1 << 16});
  int there = 0;
  const nn::ConvOptions lent{.run = {.workspace = {memory.data(), memory.bytes()}}};
  const nn::ConvOptions ordered{.run = {.stream = {Device::cpu(), &there}}};
  for (const nn::ConvOptions& options : {lent, ordered}) {
    EXPECT_REFUSED(nn::plan_conv_integer(x, u8, taps, {}, options), "takes them when it runs");
    EXPECT_REFUSED(nn::plan_qlinear_conv(x, u8, taps, {}, {}, options), "takes them when it runs");
  }
  EXPECT_EQ(nn::qlinear_conv(Tensor::zeros(u8, x), taps, {}, {}, lent).size(), 27);
}

TEST_F(DroppedBias, OrOverwrittenByTheWorkspace) {
  const Plan plan = Plan::make(nn::conv_problem(x.shape(), w.shape(), {.bias = true}),
                               Device::cpu(), {.engine = "cpu.reference"});
  const std::size_t bytes = plan.workspace_bytes() + 256;
  Tensor memory(f32, {static_cast<std::int64_t>(bytes)});
  float* at = static_cast<float*>(memory.data());
  const Workspace lent{at, bytes}, beside{at + 64, bytes};
  EXPECT_REFUSED(plan.run(x, w, y, lent, view(static_cast<const float*>(at), {3})),
                 "the workspace overlaps bias in memory; lend other memory");
  std::fill_n(at, 3, 4.f);
  plan.run(x, w, y, beside, view(static_cast<const float*>(at), {3}));
  EXPECT_EQ(y.at<float>(0, 0, 0, 0), 4);
  EXPECT_REFUSED(plan.run(x, w, y, {nullptr, 4096}, bias), "lent at a null pointer");
}

TEST(DroppedOptions, OfThePlan) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 in=9 f=3");
  const Tensor x = Tensor::zeros(f32, {1, 1, 9}), w = Tensor::zeros(f32, {1, 1, 3});
  Tensor y = Tensor::zeros(f32, {1, 1, 7});
  int there = 0;
  EXPECT_REFUSED(Plan::make(problem).run({Device::cpu(), &there}, x, w, y), "has none");
  Allocator half = Allocator::standard(Device::cpu());
  half.deallocate = nullptr;
  EXPECT_REFUSED(Plan::make(problem, Device::cpu(), {.allocator = half}), "no deallocate function");
  EXPECT_REFUSED(nn::conv(x, w, {.run = {.allocator = half}}), "no deallocate function");
  half = {.context = &there};
  EXPECT_REFUSED(Plan::make(problem, Device::cpu(), {.allocator = half}), "no allocate");
}

TEST(DroppedOptions, OfTheFrontEnds) {
  const Tensor x = Tensor::zeros(f64, {9, 9}), h = Tensor::zeros(f64, {3});
  EXPECT_REFUSED(image::gaussian_laplace(x, {.order = 1}), "order is 1 along axis 0");
  EXPECT_REFUSED(image::gaussian_gradient_magnitude(x, {.order = {0, 2}}),
                 "order is 2 along axis 1");
  EXPECT_REFUSED(signal::upfirdn(h, x, {.mode = signal::Extension::wrap, .cval = 1}), "mode wrap");
  EXPECT_REFUSED(signal::resample_poly(x, 2, 1, {.taps = h, .beta = 4}), "beta is 4");
  Boundary boundary = Boundary::reflect();
  boundary.value = 3;
  EXPECT_REFUSED(image::uniform(x, {.boundary = boundary}), "takes no value");
  EXPECT_REFUSED(signal::convolve2d(x, x, {.boundary = boundary}), "takes no value");
}

// One buffer of channels: those of the first operand, some that must not change, the result's, and
// one more. Those that hold nothing are NaN, which no engine may read either.
class OneBuffer {
 public:
  OneBuffer(const Problem& p, std::mt19937& random) : last_(p.layout == Layout::channels_last) {
    const bool data = p.pass == Pass::backward_data;
    const Shape first = data ? p.y_shape() : p.x_shape(), result = data ? p.x_shape() : p.y_shape();
    axis_ = last_ ? 3 : 1;
    const std::int64_t from = first[axis_], to = result[axis_];
    Shape shape = first;
    shape[axis_] = from + to + 3;
    buffer_ = Tensor(f32, shape);
    std::ranges::fill(buffer_.values<float>(), std::numeric_limits<float>::quiet_NaN());
    operand_ = {.start = 0, .stop = from};
    result_ = {.start = from + 2, .stop = from + 2 + to};
    std::uniform_int_distribution<int> value(-4, 4);
    second_ = Tensor(f32, p.w_shape());
    for (float& v : second_.values<float>()) v = static_cast<float>(value(random));
    first_ = Tensor(f32, first);
    for (float& v : first_.values<float>()) v = static_cast<float>(value(random));
    copy_in();
  }

  ConstTensorView operand() const { return buffer_.view().slice(axis(), operand_); }
  TensorView result() { return buffer_.slice(axis(), result_); }
  const Tensor& compact_operand() const { return first_; }
  const Tensor& filter() const { return second_; }
  Tensor& buffer() { return buffer_; }
  std::int64_t untouched() const {
    return std::ranges::count_if(buffer_.values<float>(), [](float v) { return std::isnan(v); });
  }

 private:
  std::int64_t axis() const { return static_cast<std::int64_t>(axis_); }
  void copy_in() {
    const TensorView to = buffer_.slice(axis(), operand_);
    const Shape& s = to.shape;
    for (std::int64_t a = 0; a < s[0]; ++a)
      for (std::int64_t b = 0; b < s[1]; ++b)
        for (std::int64_t c = 0; c < s[2]; ++c)
          for (std::int64_t d = 0; d < s[3]; ++d)
            to.at<float>(a, b, c, d) = first_.at<float>(a, b, c, d);
  }

  bool last_;
  std::size_t axis_;
  Slice operand_, result_;
  Tensor buffer_, first_, second_;
};

// Whole numbers, of which an FFT makes something beside them.
std::vector<float> values_of(const ConstTensorView& v) {
  Tensor copy = compact_copy(v, f32);
  std::vector<float> result;
  for (const float value : copy.values<float>()) result.push_back(std::round(value) + 0.f);
  return result;
}

// Padding keeps the extents, so that the result fits beside the operand.
TEST(OneBufferForAll, OnEveryEngine) {
  std::mt19937 random(5);
  for (const char* line : {"op=fwd dtype=f32 n=2 c=3 in=6x5 k=4 f=3x3 pad=1",
                           "op=fwd dtype=f32 n=2 c=3 in=6x5 k=4 f=3x3 pad=1 layout=nhwc",
                           "op=fwd dtype=f32 n=3 c=16 in=9x7 k=32 f=1x1",
                           "op=fwd dtype=f32 n=3 c=16 in=9x7 k=32 f=3x3 pad=1 layout=nhwc",
                           "op=fwd dtype=f32 n=2 c=6 in=9x40 k=6 f=3x3 pad=1 g=6",
                           "op=fwd dtype=f32 n=2 c=6 in=9x7 k=6 f=3x3 pad=1 g=6 layout=nhwc",
                           "op=dgrad dtype=f32 n=2 c=5 in=6x5 k=4 f=3x3 pad=1",
                           "op=dgrad dtype=f32 n=2 c=32 in=6x5 k=16 f=3x3 pad=1 layout=nhwc"}) {
    Problem p = Problem::parse(line);
    const bool forward = p.pass == Pass::forward;
    OneBuffer all(p, random);
    Tensor expected(f32, p.result_shape());
    Plan::make(p, Device::cpu(), {.engine = "cpu.reference"})
        .run(all.compact_operand(), all.filter(), expected);
    (forward ? p.x_strides : p.y_strides) = all.operand().strides;
    (forward ? p.y_strides : p.x_strides) = all.result().strides;
    const std::vector<float> operand = values_of(all.operand());
    int engines = 0;
    for (const Candidate& candidate : candidates(p)) {
      if (!candidate.supported) continue;
      ++engines;
      const TensorView result = all.result();
      Plan::make(p, Device::cpu(), {.engine = candidate.engine})
          .run(all.operand(), all.filter(), result);
      EXPECT_EQ(values_of(result), values_of(expected)) << candidate.engine << ' ' << line;
      EXPECT_EQ(values_of(all.operand()), operand) << candidate.engine << ' ' << line;
      EXPECT_EQ(all.untouched(), 3 * p.batch * p.axes[0].input * p.axes[1].input);
    }
    EXPECT_GE(engines, 2) << line;
  }
}

// Layers that each add their channels to what came before, as in DenseNet.
TEST(OneBufferForAll, ConcatenatesInTheFrontEnd) {
  std::mt19937 random(6);
  for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
    const nn::ConvOptions options{.padding = 1, .layout = layout, .method = Method::direct};
    const Problem p = nn::conv_problem({2, 3, 6, 5}, {4, 3, 3, 3}, {.padding = 1});
    const bool last = layout == Layout::channels_last;
    const auto ordered = [&](const Shape& s) { return last ? Shape{s[0], s[2], s[3], s[1]} : s; };
    Problem q = Problem::parse("op=fwd dtype=f32 n=2 c=3 in=6x5 k=4 f=3x3 pad=1");
    q.layout = layout;
    OneBuffer all(q, random);
    nn::conv(all.operand(), all.filter(), all.result(), options);
    const Tensor alone = nn::conv(all.compact_operand(), all.filter(), options);
    EXPECT_EQ(alone.shape(), ordered(p.y_shape()));
    EXPECT_EQ(values_of(all.result()), values_of(alone));
    const std::int64_t axis = last ? 3 : 1;
    EXPECT_REFUSED(nn::conv(all.operand(), all.filter(),
                            all.buffer().slice(axis, {.start = 2, .stop = 6}), options),
                   "y overlaps x in memory");
  }
}

}  // namespace
}  // namespace faltung
