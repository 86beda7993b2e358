// Named cases of the signal and numpy front ends, with the numbers SciPy and NumPy give.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <faltung/faltung.hpp>
#include <limits>
#include <numeric>
#include <vector>

#include "tests/support/direct_sum.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

using signal::Lowering;
using signal::Method;
using Complex = std::complex<double>;

Tensor row(std::initializer_list<double> values) {
  return Tensor::from<double>(values, {static_cast<std::int64_t>(values.size())});
}
Tensor row_2d(std::initializer_list<double> values) {
  return Tensor::from<double>(values, {1, static_cast<std::int64_t>(values.size())});
}
Tensor counting(const Shape& shape) {
  Tensor tensor(f64, shape);
  std::iota(tensor.values<double>().begin(), tensor.values<double>().end(), 1.0);
  return tensor;
}

template <typename T = double>
std::vector<T> flat(const Tensor& y) {
  const auto values = y.values<T>();
  return {values.begin(), values.end()};
}

using List = std::vector<double>;

TEST(Convolve, OfTheIntroduction) {
  EXPECT_EQ(flat(convolve(row({1, 2, 3, 4}), row({0, 1, 0.5}))), (List{0, 1, 2.5, 4, 5.5, 2}));
  const Tensor laplacian = Tensor::from<double>({0, 1, 0, 1, -4, 1, 0, 1, 0}, {3, 3});
  EXPECT_EQ(flat(convolve(counting({3, 3}), laplacian, {.mode = Mode::same})),
            (List{2, 1, -4, -3, 0, -7, -16, -11, -22}));
}

TEST(Convolve, SameHasTheExtentOfTheFirstOperand) {
  const Tensor x = row({1, 2}), k = row({1, 2, 3, 4, 5});
  EXPECT_EQ(flat(convolve(x, k, {.mode = Mode::same})), (List{7, 10}));
  EXPECT_EQ(flat(signal::fftconvolve(x, k, {.mode = Mode::same, .run = {.engine = "reference"}})),
            (List{7, 10}));
  EXPECT_EQ(flat(correlate(x, k, {.mode = Mode::same})), (List{11, 8}));
  EXPECT_EQ(flat(numpy::convolve(x, k, {.mode = Mode::same})).size(), 5u);
}

TEST(Correlate, SameOfEvenFiltersIsOneLaterThanCorrelate2d) {
  const List expected = {0, 4, 3, 2, 1, 0};
  EXPECT_EQ(flat(correlate(row({0, 0, 1, 0, 0, 0}), row({1, 2, 3, 4}), {.mode = Mode::same})),
            expected);
  const Tensor y =
      signal::correlate2d(row_2d({0, 0, 1, 0, 0, 0}), row_2d({1, 2, 3, 4}), {.mode = Mode::same});
  EXPECT_EQ(flat(y), (List{4, 3, 2, 1, 0, 0}));
}

TEST(Correlate, ValidWithTheLongerOperandSecondIsReversedAndConjugated) {
  EXPECT_EQ(flat(correlate(row({1, 2}), row({1, 2, 3, 4, 5}), {.mode = Mode::valid})),
            (List{14, 11, 8, 5}));
  const std::initializer_list<Complex> x = {{0, 1}, 2}, k = {1, {0, 2}, 3};
  const std::vector<Complex> expected = {8, {0, -3}};
  EXPECT_EQ(
      flat<Complex>(correlate(Tensor::from(x, {2}), Tensor::from(k, {3}), {.mode = Mode::valid})),
      expected);
  // SciPy's correlate2d forgets the conjugate here and gives +3j.
  EXPECT_EQ(flat<Complex>(signal::correlate2d(Tensor::from(x, {1, 2}), Tensor::from(k, {1, 3}),
                                              {.mode = Mode::valid})),
            expected);
}

TEST(Convolve2d, ContinuesTheFirstOperandOnly) {
  const Tensor x = row_2d({0, 1, 2, 3}), ones = row_2d({1, 1, 1});
  EXPECT_EQ(flat(signal::convolve2d(x, ones, {.boundary = Boundary::wrap()})),
            (List{5, 4, 3, 6, 5, 4}));
  EXPECT_EQ(flat(signal::convolve2d(x, ones, {.boundary = Boundary::reflect()})),
            (List{1, 1, 3, 6, 8, 8}));
  EXPECT_EQ(flat(signal::convolve2d(x, ones, {.boundary = Boundary::constant(10)})),
            (List{20, 11, 3, 6, 15, 23}));
}

TEST(Convolve2d, WrapsWithAFilterLongerThanTheInput) {
  const Tensor x = row_2d({1, 2}), k = row_2d({1, 2, 3, 4, 5});
  EXPECT_EQ(flat(signal::convolve2d(x, k, {.mode = Mode::same, .boundary = Boundary::wrap()})),
            (List{21, 24}));
  EXPECT_EQ(flat(signal::convolve2d(x, k, {.boundary = Boundary::wrap()})),
            (List{21, 24, 21, 24, 21, 24}));
  EXPECT_EQ(flat(signal::correlate2d(x, k, {.mode = Mode::valid, .boundary = Boundary::wrap()})),
            (List{14, 11, 8, 5}));
}

// The numbers of SciPy's sepfir2d.
TEST(Convolve2d, ReflectsAsSepfir2d) {
  Tensor x = counting({4, 4});
  for (double& value : x.values<double>()) value -= 1;
  const Tensor k = Tensor::from<double>({1, 2, 1, 2, 4, 2, 1, 2, 1}, {3, 3});
  const List y =
      flat(signal::convolve2d(x, k, {.mode = Mode::same, .boundary = Boundary::reflect()}));
  EXPECT_EQ(List(y.begin(), y.begin() + 4), (List{20, 32, 48, 60}));
}

TEST(Convolve2d, FillsWithWhatTheTypesCanHold) {
  const Tensor x = Tensor::from<std::uint8_t>({1, 2}, {1, 2});
  const Tensor bytes = Tensor::from<std::uint8_t>({1, 1}, {1, 2});
  const auto fill = [](Complex value) {
    return signal::Convolve2dOptions{.boundary = Boundary::constant(value)};
  };
  EXPECT_EQ(flat<std::uint8_t>(signal::convolve2d(x, bytes, fill(255))),
            (std::vector<std::uint8_t>{0, 3, 1}));
  // SciPy casts these to 1 and 44.
  EXPECT_REFUSED(signal::convolve2d(x, bytes, fill(1.5)), "constant(1.5)");
  EXPECT_REFUSED(signal::convolve2d(x, bytes, fill(300)), "constant(300)");
  EXPECT_REFUSED(signal::convolve2d(row_2d({1}), row_2d({1, 1}), fill({0, 1})), "complex");
  // A wider result can hold what the input cannot.
  EXPECT_EQ(flat(signal::convolve2d(x, row_2d({1, 1}), fill(1.5))), (List{2.5, 3, 3.5}));
  const Tensor k = Tensor::from<Complex>({1, 1}, {1, 2});
  EXPECT_EQ(flat<Complex>(signal::convolve2d(row_2d({1}), k, fill({0, 1}))),
            (std::vector<Complex>{{1, 1}, {1, 1}}));
}

TEST(CorrelationLags, MatchTheDataWhereSciPysDoNot) {
  using signal::correlation_lags;
  using Lags = std::vector<std::int64_t>;
  EXPECT_EQ(correlation_lags(3, 2, Mode::same), (Lags{-1, 0, 1}));  // SciPy: 0 1 2
  EXPECT_EQ(correlation_lags(2, 5, Mode::valid), (Lags{-3, -2, -1, 0}));
  EXPECT_EQ(correlation_lags(3, 2), (Lags{-1, 0, 1, 2}));
  EXPECT_REFUSED(correlation_lags(0, 2), "at least 1");
}

TEST(Convolve, IntegersWrap) {
  const Tensor x = Tensor::from<std::int8_t>({100, 100}, {2});
  EXPECT_EQ(flat<std::int8_t>(convolve(x, x)), (std::vector<std::int8_t>{16, 32, 16}));
  // 2^62 + 2^62 + ... leaves the accumulator, and its low 64 bits are still right.
  const std::int64_t big = (std::int64_t{1} << 31) + 1;
  const Tensor y = Tensor::from<std::int64_t>({big, big, big, big, big}, {5});
  const auto square = static_cast<std::uint64_t>(big) * static_cast<std::uint64_t>(big);
  EXPECT_EQ(flat<std::int64_t>(convolve(y, y))[4], static_cast<std::int64_t>(5 * square));
}

TEST(Convolve, SumsHalvesInSinglePrecision) {
  // 2048 + 1 + 1 + ... stays at 2048 when summed in f16.
  Numbers x(Shape{2049}), ones(Shape{2049});
  for (auto& value : x.values) value = 1;
  ones.values = x.values;
  x.values[0] = 1024;
  const Tensor y = convolve(x.as(f16), ones.as(f16), {.mode = Mode::valid});
  EXPECT_EQ(y.dtype(), f16);
  EXPECT_EQ(Numbers(y).values[0], 3072.0);
}

TEST(Convolve, OfRankZeroIsTheProduct) {
  const Tensor x = Tensor::from<Complex>({{0, 3}}, {}), k = Tensor::from<Complex>({{0, 2}}, {});
  EXPECT_EQ(convolve(x, k).shape(), Shape{});
  EXPECT_EQ(flat<Complex>(convolve(x, k)), (std::vector<Complex>{-6}));
  EXPECT_EQ(flat<Complex>(correlate(x, k)), (std::vector<Complex>{6}));
  EXPECT_REFUSED(convolve(Tensor::zeros(f64, {}), row({1})), "rank 0 and k rank 1");
  EXPECT_REFUSED(convolve(row({1}), row_2d({1})), "rank 1 and k rank 2");
  EXPECT_REFUSED(signal::convolve2d(row({1}), row({1})), "rank 2");
}

TEST(Convolve, OfEmptyOperands) {
  const Tensor none = Tensor::zeros(f64, {0}), x = row({1, 2});
  EXPECT_REFUSED(convolve(none, x), "axis 0 is empty");
  EXPECT_REFUSED(correlate(x, none), "axis 0 is empty");
  EXPECT_REFUSED(numpy::convolve(x, none), "is empty");
  const Tensor flat_none = Tensor::zeros(f32, {0, 3}), k = Tensor::zeros(f32, {2, 3});
  EXPECT_EQ(signal::fftconvolve(flat_none, k).shape(), (Shape{0, 5}));
  EXPECT_EQ(signal::oaconvolve(flat_none, k).dtype(), f32);
  EXPECT_EQ(
      signal::fftconvolve(Tensor::zeros(f32, {0, 9}), Tensor::zeros(f32, {1, 4}), {.axes = {1}})
          .shape(),
      (Shape{0, 12}));
}

TEST(Convolve2d, OfEmptyOperandsIsZero) {
  const Tensor none = Tensor::zeros(f32, {0, 3}), k = Tensor::zeros(f32, {2, 3});
  const Tensor full = signal::convolve2d(none, k);
  EXPECT_EQ(full.shape(), (Shape{1, 5}));
  EXPECT_EQ(flat<float>(full), (std::vector<float>{0, 0, 0, 0, 0}));
  EXPECT_EQ(signal::convolve2d(none, k, {.mode = Mode::same}).shape(), (Shape{0, 3}));
  EXPECT_EQ(signal::correlate2d(none, k, {.mode = Mode::valid}).shape(), (Shape{3, 1}));
  EXPECT_EQ(signal::convolve2d(none, none).shape(), (Shape{0, 5}));
}

TEST(Fftconvolve, SameKeepsTheBroadcastBatch) {
  const Tensor x = counting({1, 50}), k = counting({4, 3});
  const signal::FftConvolveOptions options{
      .mode = Mode::same, .axes = {1}, .run = {.engine = "reference"}};
  const Tensor y = signal::fftconvolve(x, k, options);
  ASSERT_EQ(y.shape(), (Shape{4, 50}));  // SciPy: (1, 50)
  EXPECT_EQ(y.values<double>()[0], 1 * 2 + 2 * 1);
  EXPECT_EQ(y.values<double>()[3 * 50 + 49], 49 * 12 + 50 * 11);
}

TEST(Fftconvolve, RefusesAxesThatHaveNoMeaning) {
  const Tensor x = counting({2, 5}), k = counting({3, 4});
  EXPECT_REFUSED(signal::fftconvolve(x, k, {.axes = {2}}), "axis 2 does not exist");
  EXPECT_REFUSED(signal::fftconvolve(x, k, {.axes = {-3}}), "allows -2 to 1");
  EXPECT_REFUSED(signal::fftconvolve(x, k, {.axes = {1, -1}}), "axis -1 twice");
  EXPECT_REFUSED(signal::fftconvolve(x, k, {.axes = {1}}), "axis 0 is not convolved");
  EXPECT_REFUSED(signal::fftconvolve(x, k, {.mode = Mode::valid}), "2x5 and k 3x4");
  EXPECT_REFUSED(convolve(x, k, {.mode = Mode::valid}), "2x5 and k 3x4");
}

TEST(Convolve, NanTouchesOnlyItsProducts) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = row({1, 2, nan, 4, 5, 6, 7});
  const List y = flat(convolve(x, row({1, 0, 1}), {.method = Method::direct}));
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i >= 2 && i <= 4) << i;
}

TEST(Convolve, DirectKeepsSmallValuesBesideLargeOnes) {
  const Tensor y =
      convolve(row({1e200, 0, 0, 1e-50, 2e-50}), row({1, 1}), {.method = Method::direct});
  EXPECT_EQ(flat(y), (List{1e200, 1e200, 0, 1e-50, 1e-50 + 2e-50, 2e-50}));
}

TEST(Numpy, TakesRankOneOnly) {
  const Tensor scalar = Tensor::from<double>({3}, {}), x = row({1, 2});
  EXPECT_EQ(flat(numpy::convolve(scalar, x)), (List{3, 6}));
  EXPECT_REFUSED(numpy::correlate(scalar, x), "a has rank 0");
  EXPECT_REFUSED(numpy::convolve(row_2d({1}), x), "a has rank 2");
  EXPECT_EQ(flat(numpy::correlate(row({1, 2, 3}), x)), (List{5, 8}));  // valid by default
}

TEST(Convolve, TakesSixAxesAtMost) {
  const Tensor seven = counting({2, 2, 2, 2, 2, 2, 2});
  EXPECT_REFUSED(convolve(seven, seven), "at most 6");
  const Tensor six = counting({1, 2, 2, 2, 1, 2, 2, 2});  // axes of extent 1 do not count
  EXPECT_EQ(convolve(six, six).shape(), (Shape{1, 3, 3, 3, 1, 3, 3, 3}));
}

// Sizes of which the results, not the operands, exceed all memory.
TEST(SignalTools, RefuseWhatNoMemoryHolds) {
  const Tensor taps = Tensor::from<std::uint8_t>({1, 2, 3}, {3});
  EXPECT_REFUSED(signal::convolution_matrix(taps, std::int64_t{1} << 62),
                 "takes more than 2^63 - 1 bytes");
  EXPECT_REFUSED(signal::convolution_matrix(taps, std::numeric_limits<std::int64_t>::max() - 1),
                 "2^63 - 1");
  EXPECT_THROW((void)signal::convolution_matrix(taps, std::int64_t{1} << 30), DeviceError);
#ifndef __SANITIZE_ADDRESS__  // its operator new ends the process instead of throwing
  EXPECT_THROW((void)signal::correlation_lags(std::int64_t{1} << 50, 5), DeviceError);
#endif
  EXPECT_THROW((void)signal::correlation_lags(std::int64_t{1} << 62, 5), DeviceError);
}

TEST(Names, AreReadBack) {
  for (const Mode mode : {Mode::full, Mode::same, Mode::valid}) {
    EXPECT_EQ(signal::parse_mode(signal::name(mode)), mode);
  }
  for (const Method method : {Method::automatic, Method::direct, Method::fft}) {
    EXPECT_EQ(signal::parse_method(signal::name(method)), method);
  }
  EXPECT_EQ(signal::parse_method("auto"), Method::automatic);
  EXPECT_REFUSED(signal::parse_mode("most"), "mode is 'most'");
  EXPECT_REFUSED(signal::parse_method("FFT"), "automatic, direct, fft");
}

TEST(Names, OfOtherValuesAreRefused) {
  const Tensor x = row({1, 2});
  EXPECT_REFUSED(convolve(x, x, {.mode = static_cast<Mode>(3)}), "mode has the value 3");
  EXPECT_REFUSED(convolve(x, x, {.method = static_cast<Method>(9)}), "method has the value 9");
  EXPECT_REFUSED(signal::upfirdn(x, x, {.mode = static_cast<signal::Extension>(9)}), "value 9");
  EXPECT_EQ(signal::name(static_cast<Mode>(200)), "unknown");
}

std::string lowered(const Shape& x, const Shape& k, const std::vector<std::int64_t>& axes) {
  const Lowering call =
      signal::lower_fftconvolve({nullptr, f32, x, compact_strides(x), {}},
                                {nullptr, f32, k, compact_strides(k), {}}, {.axes = axes});
  return to_string(call.problem) + (call.loops.empty() ? "" : " looped");
}

TEST(Lowering, FindsBatchGroupsAndChannels) {
  const auto parsed = [](const char* text) { return to_string(Problem::parse(text)); };
  EXPECT_EQ(lowered({8, 9, 50}, {1, 1, 5}, {2}),
            parsed("op=fwd dtype=f32 n=72 in=50 f=5 pad=4 flip=1"));
  EXPECT_EQ(lowered({1, 50}, {4, 5}, {1}), parsed("op=fwd dtype=f32 k=4 in=50 f=5 pad=4 flip=1"));
  EXPECT_EQ(lowered({4, 50}, {4, 5}, {1}),
            parsed("op=fwd dtype=f32 c=4 k=4 g=4 in=50 f=5 pad=4 flip=1"));
  EXPECT_EQ(lowered({3, 4, 1, 50}, {1, 4, 2, 5}, {3}),
            parsed("op=fwd dtype=f32 n=3 c=4 k=8 g=4 in=50 f=5 pad=4 flip=1"));
  EXPECT_EQ(lowered({6, 50, 7}, {1, 5, 1}, {1}),
            parsed("op=fwd dtype=f32 n=6 in=50x7 f=5x1 pad=4x0 flip=1"));
  EXPECT_NE(lowered({2, 3, 2, 50}, {2, 1, 2, 5}, {3}).find("looped"), std::string::npos);
}

TEST(Lowering, PutsTheShorterOperandInThePlaceOfTheFilter) {
  const Tensor longer = counting({100}), shorter = counting({5});
  EXPECT_TRUE(signal::lower_convolve(shorter, longer).swapped);
  EXPECT_EQ(signal::lower_correlate(shorter, longer).problem.axes[0].filter, 5);
  EXPECT_FALSE(signal::lower_convolve(longer, shorter).swapped);
}

// Whole numbers, so that every order of sums gives the same.
TEST(Lowering, ComplexCorrelationsSumOverTheShorterOperandToo) {
  std::vector<Complex> x(6), k(17), expected(22);
  for (int i = 0; i < 6; ++i) x[i] = {1.0 + i, 2.0 - i};
  for (int i = 0; i < 17; ++i) k[i] = {3.0 - i, 1.0 + i % 4};
  for (int l = -16; l < 6; ++l) {  // y[l] = sum over n of x[n] conj(k[n - l])
    for (int n = 0; n < 6; ++n) {
      if (n - l >= 0 && n - l < 17) expected[l + 16] += x[n] * std::conj(k[n - l]);
    }
  }
  const Tensor shorter = Tensor::from(std::span<const Complex>(x), {6});
  const Tensor longer = Tensor::from(std::span<const Complex>(k), {17});
  EXPECT_EQ(signal::lower_correlate(shorter, longer).problem.axes[0].filter, 6);
  EXPECT_EQ(flat<Complex>(correlate(shorter, longer)), expected);
  EXPECT_EQ(flat<Complex>(correlate(shorter, longer, {.mode = Mode::valid})),
            std::vector<Complex>(expected.begin() + 5, expected.begin() + 17));
}

TEST(Lowering, RunsManyTimes) {
  const Tensor x = counting({2, 1, 6}), k = counting({2, 3, 2});
  const Lowering call =
      signal::lower_fftconvolve(x, k, {.axes = {2}, .run = {.engine = "reference"}});
  const Plan plan = Plan::make(call.problem, Device::cpu(), call.plan);
  Tensor y(call.problem.output, call.result_shape);
  for (int run = 0; run < 3; ++run) {
    Tensor now = x.clone();
    now.values<double>()[7] = run;
    call.run(plan, {}, now, k, y);
    EXPECT_EQ(flat(y),
              flat(signal::fftconvolve(now, k, {.axes = {2}, .run = {.engine = "reference"}})));
  }
  EXPECT_REFUSED(call.run(plan, {}, k, x, y), "x has shape 2x3x2");
  EXPECT_REFUSED(call.run(plan, {}, x, counting({2, 3, 3}), y), "k has shape 2x3x3");
  Tensor narrow(f32, call.result_shape);
  EXPECT_REFUSED(call.run(plan, {}, x, k, narrow), "y has type f32");
  const Plan other = Plan::make(Problem::parse("op=fwd dtype=f64 in=6 f=2"));
  EXPECT_REFUSED(call.run(other, {}, x, k, y), "the plan is for");
}

TEST(Lowering, RefusesViewsThatDescribeNothing) {
  const Tensor four = counting({4});
  ConstTensorView x = four;
  x.strides = {1, 1};
  EXPECT_REFUSED(convolve(x, counting({2})), "2 strides for 1 axes");
  x.strides = {1};
  x.shape = {-4};
  EXPECT_REFUSED(convolve(x, counting({2})), "-4");
  const std::int64_t max = std::numeric_limits<std::int64_t>::max();
  x.shape = {max};
  x.strides = {0};
  EXPECT_REFUSED(convolve(x, x), "more than 2^63 - 1");
}

}  // namespace
}  // namespace faltung
