// What the nn front end refuses, and how it says so.

#include <gtest/gtest.h>

#include <limits>

#include <faltung/nn.hpp>
#include "tests/support/refusal.hpp"

namespace faltung::nn {
namespace {

const Shape x = {2, 4, 8, 9};
const Shape w = {6, 4, 3, 3};
constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();

TEST(NnRules, Shapes) {
  EXPECT_REFUSED(conv_problem({2, 4}, w),
                 "x has shape 2x4, which has 2 axes; it needs two and at least");
  EXPECT_REFUSED(conv_problem(x, {6, 4}), "w has shape 6x4");
  EXPECT_REFUSED(conv_problem({2, 4, 8}, w), "x has 1 spatial axes, w has 2");
  EXPECT_REFUSED(conv_problem({1, 1, 2, 2, 2, 2, 2, 2}, {1, 1, 1, 1, 1, 1, 1}), "spatial axes");
  EXPECT_REFUSED(conv_problem({2, -4, 8, 9}, w), "x has -4 channels");
  EXPECT_REFUSED(conv_problem({-2, 4, 8, 9}, w), "-2");
  EXPECT_REFUSED(conv_problem(x, {6, 4, 0, 3}), "filter f=0: must be at least 1");
  EXPECT_REFUSED(conv_problem(x, {6, 4, 11, 3}),
                 "the filter does not fit in the padded input along spatial axis 0: filter 11");
  EXPECT_REFUSED(conv_problem(x, w, {.dilation = {1, 5}}),
                 "with dilation 5 spans 11 elements, input 9 with padding 0:0 offers 9; pad by at "
                 "least 2 more");
  EXPECT_REFUSED(conv_problem(x, w, {.padding = -3}), "offers 2");
}

TEST(NnRules, Channels) {
  EXPECT_REFUSED(conv_problem(x, {6, 3, 3, 3}),
                 "x has 4 channels in 1 groups, but w has 3 channels");
  EXPECT_REFUSED(conv_problem(x, w, {.groups = 2}), "x has 4 channels in 2 groups, but w has 4");
  EXPECT_REFUSED(conv_problem(x, {6, 1, 3, 3}, {.groups = 3}), "in 3 groups");
  EXPECT_REFUSED(conv_problem(x, {6, 1, 3, 3}, {.groups = 4}),
                 "groups g=4 must divide out_channels k=6");
  EXPECT_REFUSED(conv_problem(x, w, {.groups = 0}), "groups is 0; use at least 1");
  EXPECT_REFUSED(conv_problem(x, w, {.groups = -1}), "groups is -1");
  EXPECT_REFUSED(conv_problem(x, w, {.layout = Layout::channels_last}), "x has 9 channels");
}

TEST(NnRules, PerAxisOptions) {
  EXPECT_REFUSED(conv_problem(x, w, {.stride = 0}), "stride=0: must be at least 1");
  EXPECT_REFUSED(conv_problem(x, w, {.stride = {1, -1}}), "axis 1 stride=-1");
  EXPECT_REFUSED(conv_problem(x, w, {.stride = 0, .padding = Padding::same_upper()}), "stride=0");
  EXPECT_REFUSED(conv_problem(x, w, {.dilation = 0}), "dilation dil=0");
  EXPECT_REFUSED(conv_problem(x, w, {.dilation = huge}), "end at 2^61");
  EXPECT_REFUSED(conv_problem(x, w, {.padding = huge}), "pad");
  EXPECT_REFUSED(conv_problem(x, w, {.stride = {1, 1, 1}}), "stride has 3 values for 2 axes");
  EXPECT_REFUSED(conv_problem(x, w, {.dilation = {1, 1, 1}}), "dilation has 3 values");
  EXPECT_REFUSED(conv_problem(x, w, {.padding = {1, 1, 1}}), "padding has 3 values");
  EXPECT_REFUSED(conv_problem(x, w, {.boundary = {Boundary::wrap(), {}, {}}}),
                 "boundary has 3 values");
  EXPECT_REFUSED(Padding::onnx({1, 2, 3}), "pads has 3 values; give all begins, then all ends");
  EXPECT_REFUSED(Padding::onnx({}), "pads has 0 values");
}

TEST(NnRules, TypesAndActivations) {
  EXPECT_REFUSED(conv_problem(x, w, {.activation = Activation::relu()}, c64), "act=none");
  EXPECT_REFUSED(conv_problem(x, w, {.activation = Activation::clamp(2, 1)}), "swap them");
  EXPECT_REFUSED(conv_problem(x, w, {.accumulator = f16}), "acc=f16");
  EXPECT_REFUSED(conv_problem(x, w, {.output = f32}, c64), "use a complex result");
  const Tensor a = Tensor::zeros(f32, {1, 1, 4}), b = Tensor::zeros(f16, {1, 1, 2});
  EXPECT_REFUSED(conv(a, b), "the operands have types f32 and f16; convert one of them");
  EXPECT_REFUSED(conv_data_gradient(a, b, {1, 1, 5}), "types f32 and f16");
  EXPECT_REFUSED(conv_filter_gradient(a, b, {1, 1, 3}), "types f32 and f16");
  EXPECT_EQ(conv(a, b, {.output = f32}).shape(), (Shape{1, 1, 3}));  // the way out
}

TEST(NnRules, Gradients) {
  const Tensor dy = Tensor::zeros(f32, {1, 1, 4}), taps = Tensor::zeros(f32, {1, 1, 3});
  EXPECT_REFUSED(conv_data_gradient(dy, taps, {1, 1, 7}), "dy has shape 1x1x4, the forward");
  EXPECT_REFUSED(conv_filter_gradient(taps, dy, {1, 1, 2}), "makes 1x1x2; pass the options");
  EXPECT_REFUSED(conv_data_gradient_problem(x, w, {.activation = Activation::relu()}),
                 "a gradient of the convolution takes dy before the activation");
  EXPECT_REFUSED(conv_filter_gradient_problem(x, w, {.activation = Activation::silu()}),
                 "activation");
  EXPECT_REFUSED(bias_gradient_problem({4, 5}), "dy has shape 4x5");
}

TEST(NnRules, Transposed) {
  const Shape t = {4, 3, 3, 3};
  EXPECT_REFUSED(conv_transpose_problem(x, {5, 3, 3, 3}),
                 "x has 4 channels, w has shape 5x3x3x3, which");
  EXPECT_REFUSED(conv_transpose_problem(x, {4, 3, 3}), "x has 2 spatial axes, w has 1");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.output_padding = 1}),
                 "output_padding is 1 along spatial axis 0, where stride is 1");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.stride = 2, .output_padding = -1}),
                 "output_padding is -1");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.output_padding = {0, 0, 0}}),
                 "output_padding has 3 values");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.padding = 5}),
                 "padding 5:5 leaves nothing of the 10");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.padding = huge}), "pad");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.padding = Padding::causal()}), "causal");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.padding = 1, .output_shape = {8, 9}}),
                 "output_shape and padding are both given");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.output_shape = {8}}),
                 "output_shape has 1 values for 2");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.output_shape = {8, -1}}),
                 "output_shape has the extent -1");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.output_shape = {8, huge}}), "2^6");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.stride = 0}), "stride=0");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.stride = huge}), "2^61");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.groups = 3}),
                 "groups g=3 must divide out_channels k=4");
  EXPECT_REFUSED(conv_transpose_problem(x, t, {.groups = huge}), "groups is");
}

TEST(NnRules, Integers) {
  const Tensor a = Tensor::zeros(u8, {1, 1, 4}), b = Tensor::zeros(i8, {2, 1, 2});
  EXPECT_REFUSED(conv_integer(Tensor::zeros(f32, {1, 1, 4}), b), "x and w have types f32 and i8");
  EXPECT_REFUSED(conv_integer(a, b, {.x = 256}),
                 "x zero point 256 is not a value of u8; use 0 to 255");
  EXPECT_REFUSED(conv_integer(a, b, {.w = {-129}}), "w zero point -129 is not a value of i8");
  EXPECT_REFUSED(conv_integer(a, b, {.w = {1, 2, 3}}), "w has 3 zero points for 2 output");
  EXPECT_REFUSED(conv_integer(a, b, {.w = {}}), "w has 0 zero points");
  EXPECT_REFUSED(conv_integer(a, b, {}, {.activation = Activation::relu()}), "requantising");
  EXPECT_REFUSED(conv_integer(a, b, {}, {.output = f32}), "requantising");
  EXPECT_REFUSED(conv_integer(a, b, {}, {.boundary = Boundary::wrap()}), "boundary is wrap");
}

}  // namespace
}  // namespace faltung::nn
