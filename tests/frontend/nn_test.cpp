#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <random>

#include <faltung/error.hpp>
#include <faltung/nn.hpp>
#include <faltung/plan.hpp>
#include "tests/golden/golden.hpp"

namespace faltung::nn {
namespace {

using Sides = std::vector<std::pair<std::int64_t, std::int64_t>>;

// Small whole numbers: every sum is exact in f32, so results are compared for equality.
template <typename T = float>
Tensor random_tensor(const Shape& shape, std::mt19937& random) {
  std::uniform_int_distribution<int> value(is_signed(dtype_of<T>) ? -4 : 0, 4);
  Tensor result(dtype_of<T>, shape);
  for (T& element : result.values<T>()) element = static_cast<T>(value(random));
  return result;
}

// A random geometry for two spatial axes, with everything spelled out.
struct Geometry {
  std::int64_t n, groups, c_group, k_group, input[2], filter[2], stride[2], dilation[2], lo[2],
      hi[2];
  Layout layout;

  explicit Geometry(std::mt19937& random) {
    const auto pick = [&](int low, int high) {
      return std::int64_t{std::uniform_int_distribution<int>(low, high)(random)};
    };
    n = pick(1, 2);
    groups = pick(1, 3);
    c_group = pick(1, 2);
    k_group = pick(1, 2);
    for (int i = 0; i < 2; ++i) {
      filter[i] = pick(1, 4);
      stride[i] = pick(1, 3);
      dilation[i] = pick(1, 3);
      lo[i] = pick(-1, 3);
      hi[i] = pick(-1, 3);
      const std::int64_t span = (filter[i] - 1) * dilation[i] + 1;
      input[i] = pick(1, 4) + std::max<std::int64_t>(0, span - lo[i] - hi[i] - 1);
    }
    layout = pick(0, 1) == 0 ? Layout::channels_first : Layout::channels_last;
  }

  Shape shape(std::int64_t outer, std::int64_t channels, std::int64_t a, std::int64_t b) const {
    return layout == Layout::channels_first ? Shape{outer, channels, a, b}
                                            : Shape{outer, a, b, channels};
  }
  std::int64_t output(int i) const {
    return (input[i] + lo[i] + hi[i] - (filter[i] - 1) * dilation[i] - 1) / stride[i] + 1;
  }
  Shape x() const { return shape(n, groups * c_group, input[0], input[1]); }
  Shape w() const { return shape(groups * k_group, c_group, filter[0], filter[1]); }
  Shape y() const { return shape(n, groups * k_group, output(0), output(1)); }
  Padding padding() const { return Padding::sides({{lo[0], hi[0]}, {lo[1], hi[1]}}); }
  ConvOptions options() const {
    return {.stride = {stride[0], stride[1]},
            .dilation = {dilation[0], dilation[1]},
            .padding = padding(),
            .groups = groups,
            .layout = layout,
            .run = {.engine = "direct"}};  // FFT engines would round sums of small integers
  }

  std::size_t at(const Shape& s, std::int64_t outer, std::int64_t channel, std::int64_t a,
                 std::int64_t b) const {
    const std::int64_t i = layout == Layout::channels_first
                               ? ((outer * s[1] + channel) * s[2] + a) * s[3] + b
                               : ((outer * s[1] + a) * s[2] + b) * s[3] + channel;
    return static_cast<std::size_t>(i);
  }

  // Calls f(index into x, into w, into y) for every product of the convolution.
  template <typename F>
  void for_each_product(F&& f) const {
    const Shape xs = x(), ws = w(), ys = y();
    for (std::int64_t b = 0; b < n; ++b)
      for (std::int64_t k = 0; k < groups * k_group; ++k)
        for (std::int64_t c = 0; c < c_group; ++c)
          for (std::int64_t p = 0; p < output(0); ++p)
            for (std::int64_t q = 0; q < output(1); ++q)
              for (std::int64_t r = 0; r < filter[0]; ++r)
                for (std::int64_t s = 0; s < filter[1]; ++s) {
                  const std::int64_t i = p * stride[0] + r * dilation[0] - lo[0];
                  const std::int64_t j = q * stride[1] + s * dilation[1] - lo[1];
                  if (i < 0 || i >= input[0] || j < 0 || j >= input[1]) continue;
                  f(at(xs, b, k / k_group * c_group + c, i, j), at(ws, k, c, r, s),
                    at(ys, b, k, p, q));
                }
  }
};

constexpr int rounds = 200;
constexpr unsigned seed = 20240611;

TEST(Conv, MakesTheProblemOfTheManual) {
  const Problem p = conv_problem({8, 3, 224, 224}, {64, 3, 7, 7}, {.stride = 2, .padding = 3}, f16);
  EXPECT_EQ(p.pass, Pass::forward);
  EXPECT_EQ(p.y_shape(), (Shape{8, 64, 112, 112}));
  EXPECT_EQ(p.axes[1], (Axis{.input = 224, .filter = 7, .stride = 2, .pad_lo = 3, .pad_hi = 3}));
  EXPECT_EQ(p.input, f16);
  EXPECT_EQ(p.output, f16);
  EXPECT_EQ(p.accumulator, f32);
}

TEST(Conv, IsTheDefinition) {
  std::mt19937 random(seed);
  for (int round = 0; round < rounds; ++round) {
    const Geometry g(random);
    const Tensor x = random_tensor(g.x(), random), w = random_tensor(g.w(), random);
    Tensor want = Tensor::zeros(f32, g.y());
    const auto xv = x.values<float>(), wv = w.values<float>();
    const auto yv = want.values<float>();
    g.for_each_product([&](auto xi, auto wi, auto yi) { yv[yi] += xv[xi] * wv[wi]; });
    const Tensor y = conv(x, w, g.options());
    ASSERT_EQ(y.shape(), g.y()) << "round " << round;
    ASSERT_EQ(golden::numbers(y), golden::numbers(want)) << "round " << round;
  }
}

TEST(Conv, GradientsAreTheAdjoints) {
  std::mt19937 random(seed + 1);
  for (int round = 0; round < rounds; ++round) {
    const Geometry g(random);
    const Tensor x = random_tensor(g.x(), random), w = random_tensor(g.w(), random);
    const Tensor dy = random_tensor(g.y(), random);
    Tensor dx = Tensor::zeros(f32, g.x()), dw = Tensor::zeros(f32, g.w());
    const auto xv = x.values<float>(), wv = w.values<float>(), dyv = dy.values<float>();
    const auto dxv = dx.values<float>(), dwv = dw.values<float>();
    g.for_each_product([&](auto xi, auto wi, auto yi) {
      dxv[xi] += wv[wi] * dyv[yi];
      dwv[wi] += xv[xi] * dyv[yi];
    });
    ASSERT_EQ(golden::numbers(conv_data_gradient(dy, w, g.x(), g.options())), golden::numbers(dx))
        << "round " << round;
    ASSERT_EQ(golden::numbers(conv_filter_gradient(x, dy, g.w(), g.options())), golden::numbers(dw))
        << "round " << round;
  }
}

// <conv(x), dy> = <x, data gradient of dy> also where the boundary repeats elements of x.
TEST(Conv, GradientsAreTheAdjointsUnderEveryBoundary) {
  std::mt19937 random(seed + 2);
  const auto dot = [](const Tensor& a, const Tensor& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.values<float>().size(); ++i) {
      sum += double{a.values<float>()[i]} * double{b.values<float>()[i]};
    }
    return sum;
  };
  for (const Boundary& b :
       {Boundary::nearest(), Boundary::reflect(), Boundary::mirror(), Boundary::wrap()}) {
    for (int round = 0; round < rounds / 4; ++round) {
      const Geometry g(random);
      ConvOptions options = g.options();
      options.boundary = b;
      const Tensor x = random_tensor(g.x(), random), w = random_tensor(g.w(), random);
      const Tensor dy = random_tensor(g.y(), random);
      const double forward = dot(conv(x, w, options), dy);
      ASSERT_EQ(forward, dot(x, conv_data_gradient(dy, w, g.x(), options))) << b << round;
      ASSERT_EQ(forward, dot(w, conv_filter_gradient(x, dy, g.w(), options))) << b << round;
    }
  }
}

TEST(Conv, BiasGradientSumsOverBatchAndSpace) {
  std::mt19937 random(seed + 3);
  for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
    const bool first = layout == Layout::channels_first;
    const Tensor dy = random_tensor(first ? Shape{3, 4, 5, 2} : Shape{3, 5, 2, 4}, random);
    std::vector<double> want(4);
    for (std::size_t i = 0; i < 120; ++i) {
      want[first ? i / 10 % 4 : i % 4] += double{dy.values<float>()[i]};
    }
    const Tensor got = bias_gradient(dy, {.layout = layout});
    EXPECT_EQ(got.shape(), Shape{4});
    EXPECT_EQ(golden::numbers(got), want);
  }
}

TEST(Conv, SameKeepsTheExtentAndPutsTheOddElementWhereItSays) {
  for (std::int64_t n = 1; n <= 9; ++n) {
    for (std::int64_t r = 1; r <= 5; ++r) {
      for (std::int64_t s = 1; s <= 4; ++s) {
        for (std::int64_t d = 1; d <= 2; ++d) {
          const auto axis = [&](const Padding& padding) {
            return conv_problem({1, 1, n}, {1, 1, r},
                                {.stride = s, .dilation = d, .padding = padding})
                .axes[0];
          };
          const Axis upper = axis(Padding::same_upper());
          const Axis lower = axis(Padding::same_lower());
          EXPECT_EQ(upper.output(), (n + s - 1) / s);
          EXPECT_EQ(lower.output(), (n + s - 1) / s);
          EXPECT_EQ(upper.pad_lo, lower.pad_hi);
          EXPECT_EQ(upper.pad_hi, lower.pad_lo);
          EXPECT_TRUE(upper.pad_hi - upper.pad_lo == 0 || upper.pad_hi - upper.pad_lo == 1);
          if (s == 1) {
            EXPECT_EQ(upper.pad_lo + upper.pad_hi, d * (r - 1));
          }
        }
      }
    }
  }
}

TEST(Conv, CausalOutputsDependOnThePastOnly) {
  const Tensor w = Tensor::from<float>({1, 2, 4}, {1, 1, 3});
  const Tensor x = Tensor::from<float>({1, 0, 0, 0, 0, 1}, {1, 1, 6});
  EXPECT_EQ(golden::numbers(conv(x, w, {.padding = Padding::causal()})),
            (std::vector<double>{4, 2, 1, 0, 0, 4}));
  EXPECT_EQ(golden::numbers(conv(x, w, {.dilation = 2, .padding = Padding::causal()})),
            (std::vector<double>{4, 0, 2, 0, 1, 4}));
  EXPECT_EQ(golden::numbers(conv(x, w, {.stride = 2, .padding = Padding::causal()})),
            (std::vector<double>{4, 1, 0}));
}

TEST(Conv, BiasComesBeforeTheActivation) {
  const Tensor x = Tensor::from<float>({1, -2}, {1, 1, 2});
  const Tensor w = Tensor::from<float>({1, -1}, {2, 1, 1});
  const Tensor bias = Tensor::from<float>({-3, 5}, {2});
  const auto with = [&](const Activation& activation) {
    return golden::numbers(conv(x, w, {.activation = activation}, bias));
  };
  EXPECT_EQ(with(Activation::none()), (std::vector<double>{-2, -5, 4, 7}));
  EXPECT_EQ(with(Activation::relu()), (std::vector<double>{0, 0, 4, 7}));
  EXPECT_EQ(with(Activation::leaky_relu(0.5)), (std::vector<double>{-1, -2.5, 4, 7}));
  EXPECT_EQ(with(Activation::clamp(-3, 6)), (std::vector<double>{-2, -3, 4, 6}));
  // At most eight roundings of values below 8, half an ulp of f32 each.
  const auto silu = with(Activation::silu());
  const auto gelu = with(Activation::gelu());
  for (std::size_t i = 0; i < 4; ++i) {
    const double v = std::vector<double>{-2, -5, 4, 7}[i];
    EXPECT_NEAR(silu[i], v / (1 + std::exp(-v)), 8 * 0x1p-22);
    EXPECT_NEAR(gelu[i], v / 2 * (1 + std::erf(v / std::sqrt(2.0))), 8 * 0x1p-22);
  }
}

TEST(Conv, SmallIntegersSumIn32Bits) {
  const Tensor x = Tensor::from<std::uint8_t>({255, 255}, {1, 1, 2});
  const Tensor w = Tensor::from<std::int8_t>({-128, -128}, {1, 1, 2});
  const Tensor y = conv(x, w);
  EXPECT_EQ(y.dtype(), i32);
  EXPECT_EQ(y.values<std::int32_t>()[0], -65280);
}

TEST(Conv, TypesAreTheTable) {
  for (const DType type : all_dtypes) {
    const DType result = is_integer(type) && size_of(type) <= 2 ? i32 : type;
    EXPECT_EQ(conv_problem({1, 1, 4}, {1, 1, 2}, {}, type).output, result) << name(type);
    EXPECT_EQ(conv_data_gradient_problem({1, 1, 4}, {1, 1, 2}, {}, type).input, result)
        << name(type);
    EXPECT_EQ(conv_filter_gradient_problem({1, 1, 4}, {1, 1, 2}, {}, type).filter, result)
        << name(type);
    EXPECT_EQ(conv_transpose_problem({1, 1, 4}, {1, 1, 2}, {}, type).input, result) << name(type);
    if (is_integer(type) && size_of(type) == 8) continue;  // c128 could not hold it
    EXPECT_EQ(conv_problem({1, 1, 4}, {1, 1, 2}, {.output = c128}, type).output, c128)
        << name(type);
  }
  EXPECT_EQ(conv_problem({1, 1, 4}, {1, 1, 2}, {.bias = true}, f16).bias_dtype(), f16);
  EXPECT_EQ(conv_problem({1, 1, 4}, {1, 1, 2}, {.bias = true}, i8).bias_dtype(), i32);
}

TEST(Conv, ReadsStridedViews) {
  std::mt19937 random(seed + 4);
  const Tensor last = random_tensor(Shape{2, 5, 4, 3}, random);  // n h w c
  const Tensor w = random_tensor(Shape{2, 3, 2, 2}, random);
  const ConstTensorView first{last.data(), f32, {2, 3, 5, 4}, {60, 1, 12, 3}, Device::cpu()};
  Tensor copy = compact_copy(first, f32);
  EXPECT_EQ(golden::numbers(conv(first, w)), golden::numbers(conv(copy, w)));
}

TEST(Conv, RunsOnEmptyTensors) {
  EXPECT_EQ(conv(Tensor(f32, {0, 3, 8, 8}), Tensor::zeros(f32, {4, 3, 3, 3})).shape(),
            (Shape{0, 4, 6, 6}));
  const Tensor y = conv(Tensor(f32, {2, 0, 8, 8}), Tensor(f32, {4, 0, 3, 3}));
  EXPECT_EQ(golden::numbers(y), std::vector<double>(2 * 4 * 36, 0.0));  // a sum of nothing
  EXPECT_EQ(conv(Tensor(f32, {2, 3, 0}), Tensor::zeros(f32, {4, 3, 3}), {.padding = 1}).shape(),
            (Shape{2, 4, 0}));
}

TEST(ConvTranspose, ScattersEveryInput) {
  std::mt19937 random(seed + 5);
  for (int round = 0; round < rounds; ++round) {
    // The forward geometry's y is what is transposed; its x is the result.
    Geometry g(random);
    std::vector<std::int64_t> extra;
    for (int i = 0; i < 2; ++i) {
      g.lo[i] = std::max<std::int64_t>(g.lo[i], 0);
      g.hi[i] = std::max<std::int64_t>(g.hi[i], 0);
      const auto top = static_cast<int>(std::max(g.stride[i], g.dilation[i]) - 1);
      extra.push_back(std::uniform_int_distribution<int>(0, top)(random));
      const std::int64_t outputs = g.output(i);
      const std::int64_t min = 1 - (outputs - 1) * g.stride[i] - (g.filter[i] - 1) * g.dilation[i];
      if (extra.back() < min + g.lo[i] + g.hi[i]) g.lo[i] = g.hi[i] = 0;
      g.input[i] = (outputs - 1) * g.stride[i] + (g.filter[i] - 1) * g.dilation[i] + 1 +
                   extra.back() - g.lo[i] - g.hi[i];
      g.hi[i] -= extra.back();  // so that the forward output has `outputs` elements again
      ASSERT_EQ(g.output(i), outputs);
    }
    const Tensor x = random_tensor(g.y(), random), w = random_tensor(g.w(), random);
    const Tensor bias = random_tensor({g.groups * g.c_group}, random);
    Tensor want = Tensor::zeros(f32, g.x());
    const auto xv = x.values<float>(), wv = w.values<float>();
    const auto yv = want.values<float>();
    g.for_each_product([&](auto yi, auto wi, auto xi) { yv[yi] += xv[xi] * wv[wi]; });
    for (std::size_t i = 0; i < yv.size(); ++i) {
      const auto c = static_cast<std::size_t>(g.groups * g.c_group);
      const auto space = static_cast<std::size_t>(g.input[0] * g.input[1]);
      yv[i] += bias.values<float>()[g.layout == Layout::channels_first ? i / space % c : i % c];
    }
    const Tensor y = conv_transpose(
        x, w,
        {.stride = {g.stride[0], g.stride[1]},
         .dilation = {g.dilation[0], g.dilation[1]},
         .padding = Padding::sides({{g.lo[0], g.hi[0] + extra[0]}, {g.lo[1], g.hi[1] + extra[1]}}),
         .output_padding = extra,
         .groups = g.groups,
         .layout = g.layout},
        bias);
    ASSERT_EQ(y.shape(), g.x()) << "round " << round;
    ASSERT_EQ(golden::numbers(y), golden::numbers(want)) << "round " << round;
  }
}

TEST(ConvTranspose, DoesNotConjugate) {
  using C = std::complex<float>;
  const Tensor x = Tensor::from<C>({C(0, 1)}, {1, 1, 1});
  const Tensor w = Tensor::from<C>({C(1, 2)}, {1, 1, 1});
  EXPECT_EQ(conv_transpose(x, w).values<C>()[0], C(-2, 1));
  EXPECT_EQ(conv_data_gradient(x, w, {1, 1, 1}).values<C>()[0], C(2, 1));  // the adjoint does
}

TEST(ConvTranspose, OutputShapeIsWhatWasAsked) {
  for (std::int64_t extent = 0; extent <= 12; ++extent) {
    for (const Padding& rule : {Padding(0), Padding::same_upper(), Padding::same_lower()}) {
      const Problem p = conv_transpose_problem(
          {1, 1, 3}, {1, 1, 4}, {.stride = 2, .padding = rule, .output_shape = {extent}});
      EXPECT_EQ(p.result_shape(), (Shape{1, 1, extent}));
      EXPECT_EQ(p.y_shape(), (Shape{1, 1, 3}));
      const std::int64_t excess = std::max<std::int64_t>(8 - extent, 0);  // the full one has 8
      EXPECT_EQ(p.axes[0].pad_lo,
                rule.rule() == AutoPad::same_upper ? excess / 2 : (excess + 1) / 2);
    }
  }
}

TEST(ConvInteger, IsTheDefinitionForEveryTypeAndZeroPoint) {
  std::mt19937 random(seed + 6);
  const auto check = [&](auto xt, auto wt) {
    using X = decltype(xt);
    using W = decltype(wt);
    for (int round = 0; round < rounds / 4; ++round) {
      const Geometry g(random);
      Tensor x(dtype_of<X>, g.x()), w(dtype_of<W>, g.w());
      const auto xv = x.values<X>();
      const auto wv = w.values<W>();
      for (X& value : xv) value = static_cast<X>(random());
      for (W& value : wv) value = static_cast<W>(random());
      ZeroPoints zero{.x = static_cast<X>(random())};
      zero.w.clear();
      const auto channels = static_cast<std::size_t>(round % 2 == 0 ? 1 : g.groups * g.k_group);
      while (zero.w.size() < channels) zero.w.push_back(static_cast<W>(random()));
      std::vector<double> want(static_cast<std::size_t>(element_count(g.y())));
      const auto per_channel = wv.size() / static_cast<std::size_t>(g.groups * g.k_group);
      g.for_each_product([&](auto xi, auto wi, auto yi) {
        const std::int64_t zw = zero.w[channels == 1 ? 0 : wi / per_channel];
        want[yi] += static_cast<double>((wv[wi] - zw) * (xv[xi] - zero.x));
      });
      ASSERT_EQ(golden::numbers(conv_integer(x, w, zero, g.options())), want);
    }
  };
  check(std::uint8_t{}, std::uint8_t{});
  check(std::uint8_t{}, std::int8_t{});
  check(std::int8_t{}, std::uint8_t{});
  check(std::int8_t{}, std::int8_t{});
}

}  // namespace
}  // namespace faltung::nn
