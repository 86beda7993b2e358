// What the image front end refuses, and how it says so.

#include <gtest/gtest.h>

#include <cmath>

#include <faltung/image.hpp>
#include "tests/support/refusal.hpp"

namespace faltung::image {
namespace {

class ImageRules : public ::testing::Test {
 protected:
  Tensor x = Tensor::zeros(f32, {4, 5});
  Tensor y = Tensor::zeros(f32, {4, 5});
  Tensor w = Tensor::zeros(f64, {3, 3});
  Tensor line = Tensor::zeros(f64, {4});
};

TEST_F(ImageRules, ShapesAndViews) {
  Tensor small = Tensor::zeros(f32, {4, 4});
  EXPECT_REFUSED(gaussian(x, small), "y has shape 4x4, x has 4x5; a filtered image keeps");
  EXPECT_REFUSED(gaussian(x, x), "y overlaps x in memory");
  EXPECT_REFUSED(correlate(x, w, x), "y overlaps x in memory");
  EXPECT_REFUSED(correlate(x, line), "w has 1 axes (4) for 2 filtered axes of x");
  EXPECT_REFUSED(correlate(x, w, {.axes = {0}}), "w has 2 axes (3x3) for 1 filtered axes of x");
  EXPECT_REFUSED(convolve(x, Tensor(f64, {3, 0})), "w has shape 3x0");
  EXPECT_REFUSED(correlate1d(x, w), "w has 2 axes");
  const ConstTensorView flat{x.data(), f32, {4, 5}, {5}, Device::cpu()};
  EXPECT_REFUSED(laplace(flat), "has 1 strides; give one stride per axis");
  const ConstTensorView bad_filter{w.data(), f64, {3, 3}, {}, Device::cpu()};
  EXPECT_REFUSED(correlate(x, bad_filter), "w of shape 3x3 has 0 strides");
  TensorView folded = y.view();
  folded.strides = {0, 1};
  EXPECT_REFUSED(gaussian(x, folded), "share an address");
  EXPECT_REFUSED(sobel_magnitude(x, folded), "share an address");
  TensorView nowhere = y.view();
  nowhere.data = nullptr;
  EXPECT_REFUSED(laplace(x, nowhere), "no data (a null pointer)");
  EXPECT_REFUSED(sobel_magnitude(x, nowhere), "no data (a null pointer)");
  EXPECT_REFUSED(uniform(nowhere), "no data (a null pointer)");
  const Tensor seven = Tensor::zeros(f32, {1, 2, 1, 2, 1, 2, 1});
  EXPECT_REFUSED(correlate(seven, Tensor::zeros(f32, seven.shape())), "filter fewer axes at once");
}

TEST_F(ImageRules, AxesAndOrigins) {
  EXPECT_REFUSED(sobel(x, {.axis = 2}), "axis 2 is not one of x, which has 2 axes; use -2 to 1");
  EXPECT_REFUSED(gaussian(x, {.axes = {-3}}), "axis -3 is not one of x");
  EXPECT_REFUSED(uniform(x, {.axes = {1, -1}}), "axes names axis 1 twice");
  EXPECT_REFUSED(correlate(x, w, {.origin = {0, 2}}), "origin 2 leaves a filter of 3 taps");
  EXPECT_REFUSED(correlate1d(x, line, {.origin = 2}), "use -2 to 1");
  EXPECT_REFUSED(convolve1d(x, line, {.origin = -3}), "origin -3");
  EXPECT_REFUSED(uniform(x, {.size = 3, .origin = -2}), "origin -2");
}

TEST_F(ImageRules, PerAxisValues) {
  EXPECT_REFUSED(gaussian(x, {.sigma = {1, 2, 3}}), "sigma has 3 values for 2 axes; give one");
  EXPECT_REFUSED(gaussian(x, {.order = {1, 2}, .axes = {0}}), "order has 2 values for 1 axis");
  EXPECT_REFUSED(gaussian(x, {.radius = {1, 2, 3}}), "radius has 3 values");
  EXPECT_REFUSED(laplace(x, {.boundary = PerAxis<Boundary>{}}), "boundary has 0 values");
  EXPECT_REFUSED(uniform(x, {.size = {1, 2, 3}}), "size has 3 values");
  EXPECT_REFUSED(correlate(x, w, {.origin = {0, 0, 0}}), "origin has 3 values");
}

TEST_F(ImageRules, Numbers) {
  EXPECT_REFUSED(gaussian(x, {.sigma = -1}), "sigma is -1; it must be finite and at least 0");
  EXPECT_REFUSED(gaussian(x, {.sigma = std::nan("")}), "sigma is nan");
  EXPECT_REFUSED(gaussian(x, {.truncate = -1}), "truncate is -1");
  EXPECT_REFUSED(gaussian(x, {.radius = -1}), "radius is -1");
  EXPECT_REFUSED(gaussian(x, {.order = -1}), "order is -1");
  EXPECT_REFUSED(gaussian(x, {.sigma = 0, .order = 1}), "a derivative needs sigma > 0");
  EXPECT_REFUSED(gaussian_laplace(x, {.sigma = {0, 1}}), "sigma is 0 along axis 0");
  EXPECT_REFUSED(gaussian_gradient_magnitude(x, {.sigma = 0}), "order is 1");
  EXPECT_REFUSED(uniform(x, {.size = 0}), "size is 0 along axis 0");
}

TEST_F(ImageRules, Types) {
  const Tensor z = Tensor::zeros(c64, {4, 5});
  EXPECT_REFUSED(gaussian(x, y, {.output = f64}), "output is f64, but y has type f32");
  EXPECT_REFUSED(gaussian(z, {.output = f32}), "would lose the imaginary part; use c64 or c128");
  EXPECT_REFUSED(correlate(x, Tensor::zeros(c64, {3, 3}), {.output = f32}), "imaginary part");
  EXPECT_REFUSED(sobel_magnitude(z), "gradient magnitudes are defined for real data");
  EXPECT_REFUSED(gaussian(x, {.accumulator = f16}), "accumulator is f16");
  EXPECT_REFUSED(gaussian(Tensor::zeros(f64, {4}), {.accumulator = f32}), "use acc=f64");
  const Tensor bytes = Tensor::zeros(u8, {4, 5});
  EXPECT_REFUSED(laplace(bytes, {.boundary = Boundary::constant(-1)}), "cannot hold that value");
  EXPECT_REFUSED(laplace(x, {.boundary = Boundary::constant({0, 1})}), "complex");
  EXPECT_REFUSED(gaussian(x, {.run = {.engine = "cpu.magic"}}), "engine 'cpu.magic' is not known");
}

TEST_F(ImageRules, NothingIsWrittenWhenRefused) {
  for (float& value : y.values<float>()) value = 7;
  EXPECT_REFUSED(gaussian(x, y, {.sigma = -1}), "sigma");
  EXPECT_REFUSED(uniform(x, y, {.size = {3, 0}}), "size");
  for (const float value : y.values<float>()) EXPECT_EQ(value, 7);
}

}  // namespace
}  // namespace faltung::image
