#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <faltung/faltung.hpp>

#include <string>
#include <vector>

#include "tests/support/refusal.hpp"

// Front ends with operands on cuda:0, where what they do besides convolving matters: taps that lie
// there, copies, and what is done element by element.
namespace faltung {
namespace {

const Device gpu = Device::cuda(0);

Tensor ramp(DType type, const Shape& shape) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < element_count(shape); ++i) {
    values.push_back(static_cast<double>(1 + (7 * i) % 11));
  }
  return compact_copy(Tensor::from(values, shape), type);
}

class CudaFrontEnds : public ::testing::Test {
 protected:
  static void expect_equal(const Tensor& there, const Tensor& here) {
    ASSERT_EQ(there.device(), gpu);
    const Tensor copy = compact_copy(there.to(Device::cpu()), f64), want = compact_copy(here, f64);
    ASSERT_EQ(copy.shape(), want.shape());
    EXPECT_TRUE(std::ranges::equal(copy.values<double>(), want.values<double>()));
  }
  void TearDown() override { clear_plan_cache(); }
};

// What Python's lfilter does with the state of the signal before: it is added to the first results
// of every line by a filter of one tap. Exact, since a product by 1 is.
TEST_F(CudaFrontEnds, StatesAreAddedToTheFirstResults) {
  for (const char* type : {"f32", "f64", "c64", "c128"}) {
    const auto line = std::string("op=fwd dtype=") + type +
                      " n=3 in=4x2 f=1x1 beta=1 xstrides=8,8,2,1 ystrides=18,8,2,1";
    const Problem p = Problem::parse(line);
    const Tensor x = ramp(p.input, p.x_shape()), one = ramp(p.input, {1, 1, 1, 1});
    Tensor y = ramp(p.input, {3, 9, 2}), there = y.to(gpu);
    const auto view_of = [&](Tensor& all) {
      return TensorView{all.data(), p.input, p.y_shape(), p.y_strides, all.device()};
    };
    Plan::make(p, Device::cpu()).run({}, x, one, view_of(y));
    Plan::make(p, gpu).run({gpu}, x.to(gpu), one.to(gpu), view_of(there));
    SCOPED_TRACE(type);
    expect_equal(there, y);
  }
}

TEST_F(CudaFrontEnds, ResamplePolyReadsTapsThere) {
  const Tensor x = ramp(f32, {3, 12}), taps = Tensor::from<float>({1, 2, 4, 2, 1});
  const signal::ResamplePolyOptions here{.axis = 1, .taps = taps.view()};
  const Tensor there = taps.to(gpu);
  const Tensor want = signal::resample_poly(x, 3, 2, here);
  expect_equal(signal::resample_poly(x.to(gpu), 3, 2, {.axis = 1, .taps = there.view()}), want);
  expect_equal(signal::resample_poly(x.to(gpu), 3, 2, here), want);
  // Every other element of what lies there, from its end.
  const Tensor twice = Tensor::from<float>({1, 9, 2, 9, 4, 9, 2, 9, 1}).to(gpu);
  expect_equal(
      signal::resample_poly(x.to(gpu), 3, 2, {.axis = 1, .taps = twice.slice(0, {.step = -2})}),
      want);
}

TEST_F(CudaFrontEnds, ResamplePolyCopiesWhereRatesAreEqual) {
  for (const DType type : {f32, f64, f16, i16, u8}) {
    const Tensor x = ramp(type, {3, 4});
    expect_equal(signal::resample_poly(x.to(gpu), 2, 2), x);
  }
}

TEST_F(CudaFrontEnds, ExtendedCopiesAreMadeOnTheCpu) {
  using namespace signal;
  const Tensor x = ramp(f32, {30}).to(gpu), h = Tensor::from<float>({1, 2, 3}).to(gpu);
  const auto refusal = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const NoEngine& error) {
      return error.what();
    }
    return {};
  };
  const auto expect_way_out = [](const std::string& said) {
    EXPECT_NE(said.find("x is on cuda:0; copy it with Tensor::to(Device::cpu())"),
              std::string::npos)
        << said;
  };
  expect_way_out(refusal([&] { (void)plan_resample_poly(x, 3, 2, {.padtype = PadType::mean}); }));
  expect_way_out(refusal([&] { (void)resample_poly(x, 3, 2, {.padtype = PadType::mean}); }));
  expect_way_out(refusal([&] { (void)upfirdn(h, x, {.up = 2, .mode = Extension::edge}); }));
  expect_way_out(refusal([&] { (void)plan_upfirdn(h, x, {.mode = Extension::line}); }));
}

TEST_F(CudaFrontEnds, UpfirdnIsPlannedWithTapsThere) {
  const Tensor x = ramp(f32, {20}), h = Tensor::from<float>({1, 2, 3});
  const Tensor there = x.to(gpu), taps = h.to(gpu);
  const signal::UpfirdnOptions options{.up = 2, .down = 3};
  const Tensor want = signal::upfirdn(h, x, options);
  const FilterPlan plan = signal::plan_upfirdn(taps, there, options);
  Tensor y = Tensor::zeros(f32, want.shape(), gpu);
  plan.run(there, y);
  expect_equal(y, want);
  EXPECT_REFUSED(signal::plan_upfirdn(taps, x, options), "h is on cuda:0");
}

TEST_F(CudaFrontEnds, ConvertsWhatAFillValueNeeds) {
  const Tensor x = ramp(u8, {4, 5}), k = ramp(f32, {3, 3});
  const signal::Convolve2dOptions options{.boundary = Boundary::constant(1.5)};
  expect_equal(signal::convolve2d(x.to(gpu), k.to(gpu), options),
               signal::convolve2d(x, k, options));
}

TEST_F(CudaFrontEnds, ConvolutionMatrixIsWhereTheTapsAre) {
  const Tensor a = ramp(f32, {4});
  expect_equal(signal::convolution_matrix(a.to(gpu), 5, signal::Mode::full),
               signal::convolution_matrix(a, 5, signal::Mode::full));
}

// Both results are within the bound of the exact one: (2^k - 1) (2 m + 6) u of itself.
TEST_F(CudaFrontEnds, RichardsonLucy) {
  for (const DType type : {f32, f64}) {
    const Tensor x = ramp(type, {9, 14});
    Tensor psf = ramp(f64, {4, 3});
    for (double& value : psf.values<double>()) value = std::ceil(value / 72 * 1024) / 1024;
    const Tensor blur = compact_copy(psf, type);
    const image::RichardsonLucyOptions options{
        .iterations = 3, .clip = false, .method = Method::direct};
    const Tensor here = compact_copy(image::richardson_lucy(x, blur, options), f64);
    const double bound = 2 * 1.01 * 7 * (2 * 12 + 6) * unit_roundoff(type);
    const auto expect_near = [&](const Tensor& result) {
      ASSERT_EQ(result.device(), gpu);
      const Tensor there = compact_copy(result.to(Device::cpu()), f64);
      for (std::int64_t i = 0; i < 9 * 14; ++i) {
        const double want = here.at<double>(i / 14, i % 14);
        EXPECT_NEAR(there.at<double>(i / 14, i % 14), want, bound * want) << i;
      }
    };
    const Tensor image = x.to(gpu);
    expect_near(image::richardson_lucy(image, blur.to(gpu), options));
    expect_near(image::richardson_lucy(image, blur, options));
    Tensor y = Tensor::zeros(type, {9, 14}, gpu);
    image::richardson_lucy(image, blur, y, options);
    expect_near(y);
  }
}

// Where little is seen nothing is corrected, NaN stays, and results come into range.
TEST_F(CudaFrontEnds, RichardsonLucyElementByElement) {
  const Tensor one = Tensor::from<double>({1});
  const Tensor x = Tensor::from<double>({3, 0.25, -4, NAN, 0.5, 0});
  for (const double epsilon : {0.0, 0.6}) {
    for (const std::int64_t iterations : {0, 1, 2}) {
      const image::RichardsonLucyOptions options{.iterations = iterations, .epsilon = epsilon};
      const Tensor want = image::richardson_lucy(x, one, options);
      const Tensor got = image::richardson_lucy(x.to(gpu), one, options).to(Device::cpu());
      for (std::int64_t i = 0; i < 6; ++i) {
        const double a = got.at<double>(i), b = want.at<double>(i);
        // Of one product with 1: off by the roundings of the quotient and of the product, each.
        EXPECT_TRUE((std::isnan(a) && std::isnan(b)) ||
                    std::abs(a - b) <= 16 * 1.2e-16 * std::abs(b))
            << i << ": " << a << " and " << b << ", epsilon " << epsilon;
      }
    }
  }
  EXPECT_EQ(image::richardson_lucy(Tensor(f64, {0}, gpu), one).shape(), Shape{0});
}

// The same filter, rounded to the type; by direct sums or FFT both are off by at most
// 8 (N + 2) v |g|_1 max|x|, and |g|_1 is at most sqrt(N) times the greatest response: 2, for no |H|
// is below 1/2.
TEST_F(CudaFrontEnds, Wiener) {
  const Tensor psf = Tensor::from<float>({0.125F, 0.75F, 0.125F}, {1, 3});
  const Tensor x = ramp(f32, {6, 10});
  for (const bool clip : {false, true}) {
    const image::WienerOptions options{.balance = 0.01, .clip = clip};
    const Tensor want = image::wiener(x, psf, options);
    const Tensor got = image::wiener(x.to(gpu), psf.to(gpu), options).to(Device::cpu());
    for (std::int64_t i = 0; i < 60; ++i) {
      EXPECT_NEAR(got.values<float>()[i], want.values<float>()[i],
                  2 * 62 * 8 * unit_roundoff(f32) * 2 * std::sqrt(60) * 11)
          << i;
    }
  }
}

}  // namespace
}  // namespace faltung
