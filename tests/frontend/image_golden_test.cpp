// Against the numbers of scipy.ndimage in golden/ndimage.txt, written by golden/make_ndimage.py.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>

#include <faltung/filters.hpp>
#include <faltung/image.hpp>
#include "tests/golden/golden.hpp"

namespace faltung::image {
namespace {

using golden::sequence;

struct Case {
  std::string name;
  std::function<Tensor()> run;
  // Sums of whole numbers and truncated results are equal; others differ by rounding: `taps` is
  // the number of products behind one result and `size` bounds the sum of their magnitudes.
  double taps = 0;
  double size = 0;
};

// Both sides sum in double in some order and round each weight a few times:
// |error| <= 2 (taps + 8) u size. Source: Higham, Accuracy and Stability, §3.1.
double tolerance(const Case& c) { return 2 * (c.taps + 8) * 0x1p-53 * c.size; }

Tensor real_weights() { return Tensor::from<double>({0.5, -0.25, 1.75, 0.125, 2.5, -3.0}, {2, 3}); }

// first + i second, with the rows of the second reversed.
Tensor complex_pair(const Tensor& parts, double sign) {
  using Complex = std::complex<double>;
  Tensor result(c128, parts.shape());
  const auto out = result.values<Complex>();
  const auto values = parts.values<double>();
  const auto rows = static_cast<std::size_t>(parts.shape()[0]);
  const auto columns = static_cast<std::size_t>(parts.shape()[1]);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t mirrored = (rows - 1 - i / columns) * columns + i % columns;
    out[i] = {values[i], sign * values[mirrored]};
  }
  return result;
}

Tensor eighths(Tensor tensor) {
  for (double& value : tensor.values<double>()) value /= 8;
  return tensor;
}

std::vector<Case> make_cases() {
  const auto image = [] { return sequence<double>({5, 7}); };
  const auto volume = [] { return sequence<double>({3, 4, 5}); };
  const auto byte = [] { return sequence<std::uint8_t>({5, 7}); };
  const auto word = [] { return sequence<std::int16_t>({5, 7}); };
  const auto weights = [](const Shape& shape) { return sequence<double>(shape); };
  const Boundary wrap = Boundary::wrap();
  const Boundary mirror = Boundary::mirror();
  const Boundary nearest = Boundary::nearest();
  std::vector<Case> cases;
  const auto add = [&](std::string name, std::function<Tensor()> run) {
    cases.push_back({std::move(name), std::move(run)});
  };
  const auto near = [&](std::string name, double taps, double size, std::function<Tensor()> run) {
    cases.push_back({std::move(name), std::move(run), taps, size});
  };

  for (const auto& [mode, b] : std::initializer_list<std::pair<std::string, Boundary>>{
           {"reflect", Boundary::reflect()},
           {"mirror", mirror},
           {"nearest", nearest},
           {"wrap", wrap},
           {"constant", Boundary::constant(9)}}) {
    add("correlate odd " + mode, [=] {
      return correlate(image(), weights({3, 3}), {.boundary = b});
    });
    add("convolve even " + mode, [=] {
      return convolve(image(), weights({2, 4}), {.boundary = b});
    });
    add("convolve long " + mode, [=] {
      // FFT engines would round sums of small integers.
      return convolve(image(), weights({12, 9}), {.boundary = b, .run = {.engine = "direct"}});
    });
    add("correlate1d long " + mode,
        [=] { return correlate1d(sequence<double>({11}), weights({24}), {.boundary = b}); });
    near("gaussian " + mode, 26, 50,
         [=] { return gaussian(image(), {.sigma = 1.5, .boundary = b}); });
  }

  add("correlate origin", [=] { return correlate(image(), weights({4, 3}), {.origin = {1, -1}}); });
  add("convolve origin", [=] { return convolve(image(), weights({4, 3}), {.origin = {-2, 1}}); });
  add("correlate1d origin",
      [=] { return correlate1d(image(), weights({4}), {.axis = 0, .origin = -2}); });
  add("convolve1d origin",
      [=] { return convolve1d(image(), weights({5}), {.axis = 1, .origin = 2}); });
  add("convolve axes", [=] {
    return convolve(volume(), weights({2, 3}), {.origin = {0, 1}, .axes = {0, 2}});
  });

  add("correlate u8 whole", [=] { return correlate(byte(), sequence<std::int32_t>({3, 3})); });
  add("correlate u8 real", [=] { return correlate(byte(), real_weights()); });
  add("correlate i16 real", [=] { return correlate(word(), real_weights()); });
  add("correlate u8 to f64", [=] { return correlate(byte(), real_weights(), {.output = f64}); });
  add("correlate f64 to i16",
      [=] { return correlate(eighths(image()), real_weights(), {.output = i16}); });

  const auto z = [=] { return complex_pair(image(), 1); };
  const auto zw = [=] { return complex_pair(real_weights(), -1); };
  add("correlate complex", [=] { return correlate(z(), zw()); });
  add("convolve complex", [=] { return convolve(z(), zw()); });
  add("correlate complex weights", [=] { return correlate(word(), zw()); });
  add("convolve complex input", [=] { return convolve(z(), real_weights()); });

  near("gaussian per axis", 24, 50, [=] {
    return gaussian(image(), {.sigma = {0.7, 2.0}, .order = {0, 1}, .boundary = {wrap, mirror}});
  });
  // The terms of He_n, by magnitude, average 0.8, 2 and 4 under a Gaussian for n = 1, 2, 3; divided
  // by sigma^n on each axis and times 50 that stays below 200 in the cases that follow.
  near("gaussian order 2", 22, 200, [=] { return gaussian(image(), {.sigma = 1.2, .order = 2}); });
  near("gaussian order 3", 18, 200, [=] {
    return gaussian(image(), {.sigma = {1.2, 0.8}, .order = {3, 1}});
  });
  near("gaussian truncate", 14, 50,
       [=] { return gaussian(image(), {.sigma = 2, .truncate = 1.3}); });
  near("gaussian radius", 10, 50, [=] {
    return gaussian(image(), {.sigma = 2, .radius = {1, 3}});
  });
  near("gaussian axes", 14, 50, [=] {
    return gaussian(volume(), {.sigma = {1, 0.5}, .axes = {2, 0}});
  });
  near("gaussian skip", 9, 50, [=] { return gaussian(image(), {.sigma = {0, 1}}); });
  add("gaussian u8", [=] { return gaussian(byte(), {.sigma = 0.8}); });
  add("gaussian i16", [=] { return gaussian(word(), {.sigma = 0.8, .order = {0, 1}}); });
  near("gaussian_laplace", 22, 200, [=] { return gaussian_laplace(image(), {.sigma = {1, 1.5}}); });
  add("gaussian_laplace i16", [=] { return gaussian_laplace(word(), {.sigma = 0.9}); });
  near("gaussian_gradient_magnitude", 22, 200, [=] {
    return gaussian_gradient_magnitude(image(), {.sigma = {1, 1.5}});
  });
  add("gaussian_gradient_magnitude i16",
      [=] { return gaussian_gradient_magnitude(word(), {.sigma = 0.9}); });

  near("uniform", 20, 50, [=] { return uniform(image()); });
  near("uniform even", 20, 50, [=] {
    return uniform(image(), {.size = {2, 4}, .boundary = {wrap, mirror}, .origin = {-1, 1}});
  });
  near("uniform axes", 20, 50, [=] { return uniform(volume(), {.axes = {0, 1}}); });
  add("uniform u8", [=] { return uniform(byte(), {.size = {3, 5}}); });
  add("uniform i16", [=] { return uniform(word(), {.size = {4, 3}}); });
  near("uniform u8 to f64", 20, 100, [=] { return uniform(byte(), {.output = f64}); });

  for (std::int64_t axis = 0; axis < 3; ++axis) {
    add("sobel " + std::to_string(axis), [=] {
      return sobel(volume(), {.axis = axis, .boundary = {wrap, nearest, mirror}});
    });
    add("prewitt " + std::to_string(axis), [=] { return prewitt(volume(), {.axis = axis}); });
  }
  add("sobel u8", [=] { return sobel(byte()); });
  add("sobel u8 to i32", [=] { return sobel(byte(), {.axis = 0, .output = i32}); });
  add("sobel constant", [=] { return sobel(image(), {.boundary = Boundary::constant(9)}); });
  add("laplace", [=] { return laplace(image()); });
  add("laplace u8", [=] { return laplace(byte(), {.boundary = {wrap, mirror}}); });
  add("laplace axes", [=] { return laplace(volume(), {.axes = {0, 2}}); });
  add("laplace f64 to i16", [=] { return laplace(eighths(image()), {.output = i16}); });
  near("sobel_magnitude", 2, 800, [=] { return sobel_magnitude(image()); });
  add("prewitt_magnitude i32", [=] { return prewitt_magnitude(sequence<std::int32_t>({5, 7})); });
  return cases;
}

TEST(ImageGolden, EveryCaseOfTheFileIsTested) {
  const auto expected = golden::read("ndimage.txt");
  const auto cases = make_cases();
  EXPECT_EQ(cases.size(), expected.size());
  for (const auto& [name, values] : expected) {
    EXPECT_TRUE(std::ranges::any_of(cases, [&](const Case& c) { return c.name == name; })) << name;
  }
}

TEST(ImageGolden, AgreesWithScipy) {
  const auto expected = golden::read("ndimage.txt");
  for (const Case& c : make_cases()) {
    SCOPED_TRACE(c.name);
    const std::vector<double>& want = expected.at(c.name);
    const std::vector<double> got = golden::numbers(c.run());
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (c.taps == 0) {
        EXPECT_EQ(got[i], want[i]) << "at " << i;
      } else {
        EXPECT_NEAR(got[i], want[i], tolerance(c)) << "at " << i;
      }
    }
  }
}

}  // namespace
}  // namespace faltung::image
