// `f(x, k, {})` means the options, never the view that the result goes into: it compiles, and is
// the call without it, for every function that has both forms.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include <faltung/faltung.hpp>

namespace faltung {
namespace {

Tensor ramp(DType dtype, const Shape& shape) {
  Tensor all(f64, shape);
  double next = 0;
  for (double& value : all.values<double>()) value = static_cast<int>(next += 7) % 31;
  return compact_copy(all, dtype);
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

// f(...), f(..., {}), f(..., y) and f(..., y, {}) are one.
#define FALTUNG_EXPECT_DEFAULTS(f, ...)           \
  {                                               \
    const Tensor plain = f(__VA_ARGS__);          \
    EXPECT_TRUE(same(f(__VA_ARGS__, {}), plain)); \
    FALTUNG_EXPECT_INTO(f, plain, __VA_ARGS__);   \
  }
#define FALTUNG_EXPECT_INTO(f, plain, ...)                      \
  {                                                             \
    Tensor y = Tensor::zeros(plain.dtype(), plain.shape());     \
    f(__VA_ARGS__, y);                                          \
    EXPECT_TRUE(same(y, plain));                                \
    Tensor again = Tensor::zeros(plain.dtype(), plain.shape()); \
    f(__VA_ARGS__, again, {});                                  \
    EXPECT_TRUE(same(again, plain));                            \
  }

TEST(EmptyOptions, OfSignal) {
  using namespace signal;
  const Tensor x = ramp(f32, {30}), k = ramp(f32, {5}), image = ramp(f32, {12, 9});
  const Tensor square = ramp(f32, {3, 3}), row = ramp(f32, {5});
  FALTUNG_EXPECT_DEFAULTS(signal::convolve, x, k)
  FALTUNG_EXPECT_DEFAULTS(signal::correlate, x, k)
  FALTUNG_EXPECT_DEFAULTS(fftconvolve, x, k)
  FALTUNG_EXPECT_DEFAULTS(oaconvolve, x, k)
  FALTUNG_EXPECT_DEFAULTS(convolve2d, image, square)
  FALTUNG_EXPECT_DEFAULTS(correlate2d, image, square)
  FALTUNG_EXPECT_DEFAULTS(upfirdn, k, x)
  FALTUNG_EXPECT_DEFAULTS(resample_poly, x, 3, 2)
  FALTUNG_EXPECT_DEFAULTS(sepfir2d, image, row, row)
  FALTUNG_EXPECT_DEFAULTS(medfilt, image, 3)
  FALTUNG_EXPECT_DEFAULTS(medfilt2d, image, 3)
  FALTUNG_EXPECT_DEFAULTS(order_filter, image, square, 1)
  FALTUNG_EXPECT_DEFAULTS(signal::masked_convolve, x, k)
  FALTUNG_EXPECT_DEFAULTS(signal::masked_correlate, x, k)
  const Tensor dy = ramp(f32, {34});
  FALTUNG_EXPECT_DEFAULTS(signal::masked_convolve_data_gradient, dy, x, k)
  FALTUNG_EXPECT_DEFAULTS(signal::masked_convolve_filter_gradient, dy, x, k)
  FALTUNG_EXPECT_DEFAULTS(signal::masked_correlate_data_gradient, dy, x, k)
  FALTUNG_EXPECT_DEFAULTS(signal::masked_correlate_filter_gradient, dy, x, k)
  FALTUNG_EXPECT_DEFAULTS(numpy::convolve, x, k)
  FALTUNG_EXPECT_DEFAULTS(numpy::correlate, x, k)
}

TEST(EmptyOptions, OfImage) {
  using namespace image;
  const Tensor x = ramp(f32, {12, 9}), w = ramp(f32, {3, 3}), line = ramp(f32, {3});
  FALTUNG_EXPECT_DEFAULTS(image::convolve, x, w)
  FALTUNG_EXPECT_DEFAULTS(image::correlate, x, w)
  FALTUNG_EXPECT_DEFAULTS(convolve1d, x, line)
  FALTUNG_EXPECT_DEFAULTS(correlate1d, x, line)
  FALTUNG_EXPECT_DEFAULTS(image::masked_convolve, x, w)
  FALTUNG_EXPECT_DEFAULTS(image::masked_correlate, x, w)
  FALTUNG_EXPECT_DEFAULTS(image::masked_convolve_data_gradient, x, x, w)
  FALTUNG_EXPECT_DEFAULTS(image::masked_convolve_filter_gradient, x, x, w)
  FALTUNG_EXPECT_DEFAULTS(image::masked_correlate_data_gradient, x, x, w)
  FALTUNG_EXPECT_DEFAULTS(image::masked_correlate_filter_gradient, x, x, w)
  FALTUNG_EXPECT_DEFAULTS(gaussian, x)
  FALTUNG_EXPECT_DEFAULTS(gaussian_laplace, x)
  FALTUNG_EXPECT_DEFAULTS(gaussian_gradient_magnitude, x)
  FALTUNG_EXPECT_DEFAULTS(uniform, x)
  FALTUNG_EXPECT_DEFAULTS(sobel, x)
  FALTUNG_EXPECT_DEFAULTS(prewitt, x)
  FALTUNG_EXPECT_DEFAULTS(laplace, x)
  FALTUNG_EXPECT_DEFAULTS(sobel_magnitude, x)
  FALTUNG_EXPECT_DEFAULTS(prewitt_magnitude, x)
}

TEST(EmptyOptions, OfNn) {
  using namespace nn;
  const Tensor x = ramp(f32, {1, 2, 8, 8}), w = ramp(f32, {3, 2, 3, 3});
  const Tensor dy = ramp(f32, {1, 3, 6, 6}), wide = ramp(f32, {1, 3, 10, 10});
  const Tensor turned = ramp(f32, {2, 3, 3, 3});
  FALTUNG_EXPECT_DEFAULTS(conv, x, w)
  FALTUNG_EXPECT_DEFAULTS(bias_gradient, dy)
  FALTUNG_EXPECT_DEFAULTS(conv_transpose, x, turned)
  // The gradients are told a shape, or take that of the view.
  EXPECT_TRUE(same(conv_data_gradient(dy, w, x.shape(), {}), conv_data_gradient(dy, w, x.shape())));
  FALTUNG_EXPECT_INTO(conv_data_gradient, conv_data_gradient(dy, w, x.shape()), dy, w)
  EXPECT_TRUE(
      same(conv_filter_gradient(x, dy, w.shape(), {}), conv_filter_gradient(x, dy, w.shape())));
  FALTUNG_EXPECT_INTO(conv_filter_gradient, conv_filter_gradient(x, dy, w.shape()), x, dy)
  const Tensor back = conv_transpose_data_gradient(wide, turned, x.shape());
  EXPECT_TRUE(same(conv_transpose_data_gradient(wide, turned, x.shape(), {}), back));
  FALTUNG_EXPECT_INTO(conv_transpose_data_gradient, back, wide, turned)
  const Tensor taps = conv_transpose_filter_gradient(x, wide, turned.shape());
  EXPECT_TRUE(same(conv_transpose_filter_gradient(x, wide, turned.shape(), {}), taps));
  FALTUNG_EXPECT_INTO(conv_transpose_filter_gradient, taps, x, wide)

  const Tensor bytes = ramp(u8, {1, 2, 8, 8}), filter = ramp(i8, {3, 2, 3, 3});
  FALTUNG_EXPECT_DEFAULTS(conv_integer, bytes, filter)
  EXPECT_TRUE(same(conv_integer(bytes, filter, {}, {}), conv_integer(bytes, filter)));
  const Tensor plain = qlinear_conv(bytes, filter, {});
  EXPECT_TRUE(same(qlinear_conv(bytes, filter, {}, {}), plain));
  EXPECT_TRUE(same(qlinear_conv(bytes, filter, {}, {}, {}), plain));
  Tensor y = Tensor::zeros(u8, plain.shape());
  qlinear_conv(bytes, filter, y, {}, {}, {});
  EXPECT_TRUE(same(y, plain));
}

}  // namespace
}  // namespace faltung
