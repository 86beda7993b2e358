// Options, types and results of the nn front end beyond those of nn_test.cpp, and the gradients of
// the transposed convolution.

#include <gtest/gtest.h>

#include <complex>
#include <random>

#include <faltung/error.hpp>
#include <faltung/nn.hpp>
#include <faltung/plan.hpp>
#include "tests/golden/golden.hpp"
#include "tests/support/refusal.hpp"

namespace faltung::nn {
namespace {

using golden::numbers;

Tensor whole_numbers(DType type, const Shape& shape, std::mt19937& random) {
  std::uniform_int_distribution<int> value(is_signed(type) ? -4 : 0, 4);
  Tensor result(is_complex(type) ? c128 : f64, shape);
  auto* data = static_cast<double*>(result.data());
  for (std::size_t i = 0; i < result.bytes() / sizeof(double); ++i) data[i] = value(random);
  return compact_copy(result, type);
}

// sum of conj(a) b
std::complex<double> dot(const Tensor& a, const Tensor& b) {
  const auto av = compact_copy(a, c128).values<std::complex<double>>();
  const auto bv = compact_copy(b, c128).values<std::complex<double>>();
  std::complex<double> sum = 0;
  for (std::size_t i = 0; i < av.size(); ++i) sum += std::conj(av[i]) * bv[i];
  return sum;
}

const Shape x_shape = {2, 4, 5, 4};
const Shape w_shape = {4, 3, 3, 2};
const ConvTransposeOptions transposed = {.stride = {2, 3},
                                         .dilation = {2, 1},
                                         .padding = Padding::sides({{1, 2}, {0, 1}}),
                                         .output_padding = {1, 0},
                                         .groups = 2,
                                         .method = Method::direct};

// <T(x, w), dy> = <x, dx(dy, w)> = <w, dw(x, dy)>: T is linear in both, and conjugates neither.
TEST(ConvTransposeGradients, AreTheAdjoints) {
  std::mt19937 random(11);
  for (const DType type : {f32, f64, c64, c128}) {
    for (int round = 0; round < 20; ++round) {
      ConvTransposeOptions options = transposed;
      if (round % 4 == 1) options.output_padding = 0;
      if (round % 4 == 2) options.padding = Padding::same_upper(), options.output_padding = 0;
      if (round % 4 == 3) {
        options.padding = 0, options.output_padding = 0, options.output_shape = {11, 9};
      }
      const bool last = round % 2 == 1;
      options.layout = last ? Layout::channels_last : Layout::channels_first;
      const auto shape = [&](const Shape& s) { return last ? Shape{s[0], s[2], s[3], s[1]} : s; };
      const Tensor x = whole_numbers(type, shape(x_shape), random);
      const Tensor w = whole_numbers(type, shape(w_shape), random);
      const Tensor y = conv_transpose(x, w, options);
      const Tensor dy = whole_numbers(type, y.shape(), random);
      const std::complex<double> want = dot(y, dy);
      const Tensor dx = conv_transpose_data_gradient(dy, w, x.shape(), options);
      ASSERT_EQ(dx.shape(), x.shape());
      EXPECT_EQ(dot(x, dx), want) << name(type) << ' ' << round;
      const Tensor dw = conv_transpose_filter_gradient(x, dy, w.shape(), options);
      ASSERT_EQ(dw.shape(), w.shape());
      EXPECT_EQ(dot(w, dw), want) << name(type) << ' ' << round;

      Tensor twice = dx.clone();
      options.beta = 1;
      conv_transpose_data_gradient(dy, w, twice, options);
      EXPECT_EQ(dot(x, twice), 2.0 * want);
      twice = dw.clone();
      conv_transpose_filter_gradient(x, dy, twice, options);
      EXPECT_EQ(dot(w, twice), 2.0 * want);
    }
  }
}

TEST(ConvTransposeGradients, AreProblemsToPlan) {
  std::mt19937 random(12);
  const Tensor x = whole_numbers(f32, x_shape, random), w = whole_numbers(f32, w_shape, random);
  const Tensor dy = whole_numbers(
      f32, conv_transpose_problem(x_shape, w_shape, transposed).result_shape(), random);
  const Problem data = conv_transpose_data_gradient_problem(x_shape, w_shape, transposed);
  Tensor dx(f32, data.result_shape());
  Plan::make(data).run(dy, w, dx);
  EXPECT_EQ(numbers(dx), numbers(conv_transpose_data_gradient(dy, w, x_shape, transposed)));
  const Problem filter = conv_transpose_filter_gradient_problem(x_shape, w_shape, transposed);
  Tensor dw(f32, filter.result_shape());
  Plan::make(filter).run(dy, x, dw);
  EXPECT_EQ(numbers(dw), numbers(conv_transpose_filter_gradient(x, dy, w_shape, transposed)));

  EXPECT_REFUSED(conv_transpose_data_gradient(x, w, x_shape, transposed), "dy has shape");
  EXPECT_REFUSED(conv_transpose_filter_gradient(x, x, w_shape, transposed), "dy has shape");
  ConvTransposeOptions active = transposed;
  active.activation = Activation::relu();
  EXPECT_REFUSED(conv_transpose_data_gradient_problem(x_shape, w_shape, active),
                 "activation is set");
  EXPECT_REFUSED(conv_transpose_filter_gradient_problem(x_shape, w_shape, active),
                 "activation is set");
  EXPECT_REFUSED(bias_gradient_problem(x_shape, {.activation = Activation::relu()}),
                 "activation is set");
}

class NnInto : public ::testing::Test {
 protected:
  std::mt19937 random{13};
  Tensor x = whole_numbers(f32, {2, 3, 6, 5}, random);
  Tensor w = whole_numbers(f32, {4, 3, 3, 3}, random);
  Tensor bias = whole_numbers(f32, {4}, random);
  ConvOptions options{.padding = 1, .method = Method::direct};
};

TEST_F(NnInto, AddsToWhatIsThere) {
  const Tensor plain = conv(x, w, options);
  Tensor y = whole_numbers(f32, plain.shape(), random);
  std::vector<double> want = numbers(y);
  const std::vector<double> sums = numbers(plain), offsets = numbers(bias);
  for (std::size_t i = 0; i < want.size(); ++i) {
    want[i] = 2 * sums[i] - want[i] + offsets[i / 30 % 4];
  }
  options.alpha = 2;
  options.beta = -1;
  conv(x, w, y, options, bias);
  EXPECT_EQ(numbers(y), want);
  EXPECT_REFUSED(conv(x, w, options), "beta is -1, but the result is new");
  EXPECT_REFUSED(conv_data_gradient(plain, w, x.shape(), options), "pass a view of a result");
}

TEST_F(NnInto, GradientsAddUp) {
  const Tensor dy = conv(x, w, options);
  const Tensor dx = conv_data_gradient(dy, w, x.shape(), options);
  const Tensor dw = conv_filter_gradient(x, dy, w.shape(), options);
  Tensor two_dx = dx.clone(), two_dw = dw.clone();
  options.beta = 1;
  conv_data_gradient(dy, w, two_dx, options);
  conv_filter_gradient(x, dy, two_dw, options);
  const auto doubled = [](std::vector<double> v) {
    for (double& value : v) value *= 2;
    return v;
  };
  EXPECT_EQ(numbers(two_dx), doubled(numbers(dx)));
  EXPECT_EQ(numbers(two_dw), doubled(numbers(dw)));
}

TEST_F(NnInto, WritesIntoAPartOfABuffer) {
  Tensor both = Tensor::zeros(f32, {2, 8, 6, 5});
  conv(x, w, both.slice(1, {.start = 4}), options);
  EXPECT_EQ(numbers(compact_copy(both.slice(1, {.start = 4}), f32)), numbers(conv(x, w, options)));
  EXPECT_EQ(numbers(compact_copy(both.slice(1, {.stop = 4}), f32)),
            std::vector<double>(2 * 4 * 30, 0));
  EXPECT_REFUSED(conv(x, w, both, options), "y has shape 2x8x6x5");
  Tensor halves(f16, {2, 4, 6, 5});
  conv(x, w, halves, options);
  EXPECT_EQ(numbers(halves), numbers(conv(x, w, options)));  // all below 2048: exact
  options.output = f32;
  EXPECT_REFUSED(conv(x, w, halves, options), "output is f32, but the result has type f16");
}

TEST_F(NnInto, TransposedToo) {
  const Tensor taps = whole_numbers(f32, {3, 2, 3, 3}, random);
  Tensor y = conv_transpose(x, taps, {.method = Method::direct});
  const std::vector<double> once = numbers(y);
  conv_transpose(x, taps, y, {.beta = 2, .method = Method::direct});
  const std::vector<double> thrice = numbers(y);
  for (std::size_t i = 0; i < once.size(); ++i) ASSERT_EQ(thrice[i], 3 * once[i]);
}

TEST(NnOptions, ReachTheProblem) {
  const ConvOptions o{.alpha = 0.5,
                      .output = u8,
                      .overflow = Overflow::saturate,
                      .rounding = Rounding::nearest_even};
  const Problem p = conv_problem({1, 1, 4}, {1, 1, 2}, o);
  EXPECT_EQ(p.epilogue.alpha, 0.5);
  EXPECT_EQ(p.overflow, Overflow::saturate);
  EXPECT_EQ(p.rounding, Rounding::nearest_even);
  EXPECT_EQ(p.accumulator, f32);
  // 2.5, 3.5 and 700, stored as bytes
  const Tensor x = Tensor::from<float>({5, 7, 1400}, {1, 1, 3});
  const Tensor w = Tensor::from<float>({1}, {1, 1, 1});
  EXPECT_EQ(numbers(conv(x, w, o)), (std::vector<double>{2, 4, 255}));
  const Problem t = conv_transpose_problem({1, 1, 4}, {1, 1, 2}, {.alpha = 3, .beta = 1});
  EXPECT_EQ(t.epilogue.alpha, 3);
  EXPECT_EQ(t.epilogue.beta, 1);
}

TEST(NnOptions, MethodAllocatorAndWorkspace) {
  std::mt19937 random(14);
  const Tensor x = whole_numbers(f32, {1, 1, 300}, random),
               w = whole_numbers(f32, {1, 1, 9}, random);
  EXPECT_REFUSED(conv(x, w, {.method = Method::direct, .run = {.engine = "fft"}}),
                 "method is direct");
  int allocations = 0;
  Allocator hook = Allocator::standard(Device::cpu());
  hook.context = &allocations;
  hook.allocate = [](void* count, std::size_t size, std::size_t alignment, const Stream& stream) {
    ++*static_cast<int*>(count);
    const Allocator standard = Allocator::standard(Device::cpu());
    return standard.allocate(standard.context, size, alignment, stream);
  };
  const ConvOptions fft{.method = Method::fft, .run = {.allocator = hook}};
  const Problem problem = conv_problem(x.shape(), w.shape(), fft);
  const std::size_t needed =
      Plan::make(problem, Device::cpu(), {.engine = "fft"}).workspace_bytes();
  ASSERT_GT(needed, 0u);
  const Tensor y = conv(x, w, fft);
  EXPECT_EQ(allocations, 2);  // the result and the workspace
  Tensor scratch(u8, {static_cast<std::int64_t>(needed)});
  ConvOptions lent = fft;
  lent.run.workspace = {scratch.data(), needed};
  EXPECT_EQ(numbers(conv(x, w, lent)), numbers(y));
  EXPECT_EQ(allocations, 3);  // the result alone
  lent.run.workspace.bytes = needed - 1;
  EXPECT_EQ(conv(x, w, lent).shape(), y.shape());  // by a way that does with less
  lent.run.engine = "cpu.fft/transforms";
  EXPECT_THROW((void)conv(x, w, lent), NoEngine);  // names the limit
}

// Operands of two types, as problems and in one call.
TEST(NnTypes, MayDiffer) {
  std::mt19937 random(15);
  const Tensor x = whole_numbers(u8, {2, 3, 6, 5}, random),
               w = whole_numbers(f32, {4, 3, 3, 3}, random);
  const ConvOptions o{.output = f32, .method = Method::direct};
  const Problem p = conv_problem(x.shape(), w.shape(), o, u8, f32);
  EXPECT_EQ(p.input, u8);
  EXPECT_EQ(p.filter, f32);
  EXPECT_EQ(p.output, f32);
  Tensor y(f32, p.y_shape());
  Plan::make(p).run(x, w, y);
  const Tensor wide = compact_copy(x, f32);
  EXPECT_EQ(numbers(y), numbers(conv(wide, w, o)));
  EXPECT_EQ(numbers(conv(x, w, o)), numbers(y));
  EXPECT_EQ(conv_problem({1, 1, 4}, {1, 1, 2}, {}, u8, i8).output, i32);
  EXPECT_REFUSED(conv_problem({1, 1, 4}, {1, 1, 2}, {}, f32, f16), "types f32 and f16");

  const Tensor dy = whole_numbers(f16, p.y_shape(), random);
  const Tensor dy32 = compact_copy(dy, f32);
  EXPECT_EQ(conv_data_gradient_problem(x.shape(), w.shape(), o, f16, f32).output, f16);
  EXPECT_EQ(numbers(conv_data_gradient(dy, w, x.shape(), o)),
            numbers(conv_data_gradient(dy32, w, x.shape(), o)));
  EXPECT_EQ(conv_filter_gradient_problem(x.shape(), w.shape(), o, u8, f16).filter, f32);
  EXPECT_EQ(numbers(conv_filter_gradient(x, dy, w.shape(), o)),
            numbers(conv_filter_gradient(wide, dy32, w.shape(), o)));
  EXPECT_EQ(conv_transpose_problem({1, 2, 4}, {2, 1, 2}, {.output = f32}, f16, f32).output, f16);
  EXPECT_EQ(
      conv_transpose_data_gradient_problem({1, 2, 4}, {2, 1, 2}, {.output = f64}, f32, f16).output,
      f64);
  EXPECT_EQ(conv_transpose_filter_gradient_problem({1, 2, 4}, {2, 1, 2}, {.output = f64}, f32, f16)
                .filter,
            f64);
}

}  // namespace
}  // namespace faltung::nn
