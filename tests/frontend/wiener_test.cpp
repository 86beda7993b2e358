#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <faltung/faltung.hpp>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

using image::wiener;
using image::WienerOptions;
using Complex = std::complex<double>;

Shape index_of(std::int64_t number, const Shape& shape) {
  Shape index = shape;
  for (std::size_t i = shape.size(); i-- > 0; number /= shape[i]) index[i] = number % shape[i];
  return index;
}

// sum over j of x[j] exp(sign 2 pi i (j - origin) k / n) along every axis, to every k of `shape`.
std::vector<Complex> transformed(const std::vector<Complex>& x, const Shape& from,
                                 const Shape& shape, int sign, bool centred) {
  std::vector<Complex> result(static_cast<std::size_t>(element_count(shape)));
  for (std::int64_t number = 0; number < element_count(shape); ++number) {
    const Shape k = index_of(number, shape);
    for (std::int64_t other = 0; other < element_count(from); ++other) {
      const Shape j = index_of(other, from);
      double turns = 0;
      for (std::size_t i = 0; i < shape.size(); ++i) {
        const std::int64_t origin = centred ? (from[i] - 1) / 2 : 0;
        turns += static_cast<double>((j[i] - origin) * k[i]) / static_cast<double>(shape[i]);
      }
      result[static_cast<std::size_t>(number)] +=
          x[static_cast<std::size_t>(other)] * std::polar(1.0, sign * 2 * std::numbers::pi * turns);
    }
  }
  return result;
}

struct Data {
  Shape shape;
  std::vector<double> values;
  [[nodiscard]] std::vector<Complex> complex() const { return {values.begin(), values.end()}; }
  [[nodiscard]] double sum_of_magnitudes() const {
    double sum = 0;
    for (const double value : values) sum += std::abs(value);
    return sum;
  }
};

Data drawn(const Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> draw(-1, 1);
  Data data{shape, {}};
  for (std::int64_t i = 0; i < element_count(shape); ++i) data.values.push_back(draw(random));
  return data;
}

template <typename T>
Tensor tensor_of(const Data& data) {
  return Tensor::from(std::vector<T>(data.values.begin(), data.values.end()), data.shape);
}

double norm(const std::vector<Complex>& values) {
  double sum = 0;
  for (const Complex& value : values) sum += std::norm(value);
  return std::sqrt(sum);
}

// What the roughness is by default: 2 rank at its middle, -1 beside it.
Data laplacian(std::size_t rank) {
  Data result{Shape::filled(rank, 3), {}};
  for (std::int64_t i = 0; i < element_count(result.shape); ++i) {
    std::int64_t apart = 0;
    for (const std::int64_t j : index_of(i, result.shape)) apart += std::abs(j - 1);
    result.values.push_back(apart == 0 ? 2.0 * static_cast<double>(rank) : apart == 1 ? -1 : 0);
  }
  return result;
}

// With u the unit roundoff of f64 and v that of T the result is off, by the norm, by |x| times
//   the greatest error of the response, to first order, of sums of m taps each;
//   sqrt(N) |g| 6 u log2(4 n) for each axis, that of the filter's transform;
//   (N + 2) v |g|_1, that of rounding the filter and of the sums.
// By spectra an element of that of h is off by up to 4 u log2(4 N) |h|_1, as is one of a sum by
// pairs; where lengths do not suit, by three times as much, for three transforms. The image has two
// such transforms, times the greatest response, and is rounded once.
template <typename T>
void expect_defined(const Data& x, const Data& psf, double balance,
                    const Data* roughness = nullptr) {
  const Shape& shape = x.shape;
  const Data rough = roughness == nullptr ? laplacian(shape.size()) : *roughness;
  const auto h = transformed(psf.complex(), psf.shape, shape, -1, true);
  const auto r = transformed(rough.complex(), rough.shape, shape, -1, true);
  auto spectrum = transformed(x.complex(), shape, shape, -1, false);
  const double u = unit_roundoff(f64), points = static_cast<double>(spectrum.size());
  const double of_spectrum = 12 * std::log2(4 * points);
  const auto of_taps = [&](const Data& taps) {
    return std::max(static_cast<double>(taps.values.size()) + 4, of_spectrum) * u *
           taps.sum_of_magnitudes();
  };
  const double of_h = of_taps(psf), of_r = of_taps(rough);
  std::vector<Complex> response(h.size());
  double greatest = 0, greatest_response = 0;
  for (std::size_t i = 0; i < h.size(); ++i) {
    const double power = std::norm(h[i]) + balance * std::norm(r[i]);
    if (power < 1e-20) continue;  // left out
    response[i] = std::conj(h[i]) / power;
    const double of_power = 2 * std::abs(h[i]) * of_h + 2 * balance * std::abs(r[i]) * of_r;
    greatest =
        std::max(greatest, of_h / power + std::abs(response[i]) * (of_power / power + 4 * u));
    greatest_response = std::max(greatest_response, std::abs(response[i]));
    spectrum[i] *= response[i];
  }
  for (std::size_t i = 0; i < h.size(); ++i) {
    if (response[i] == Complex{}) spectrum[i] = 0;
  }
  const auto exact = transformed(spectrum, shape, shape, 1, false);
  const auto filter = transformed(response, shape, shape, 1, false);
  double sum = 0, lengths = 0;
  for (const Complex& value : filter) sum += std::abs(value) / points;
  for (const std::int64_t n : shape) lengths += std::log2(4.0 * static_cast<double>(n));
  const double v = unit_roundoff(dtype_of<T>);
  const double bounds[] = {greatest + (2 * of_spectrum * u + v) * greatest_response,
                           greatest + std::sqrt(points) * norm(filter) / points * 6 * u * lengths +
                               (points + 2) * v * sum};

  WienerOptions options{.balance = balance, .clip = false};
  const Tensor by = tensor_of<T>(rough);
  if (roughness != nullptr) options.roughness = by.view();
  for (const double bound : bounds) {
    const Tensor y = wiener(tensor_of<T>(x), tensor_of<T>(psf), options);
    std::vector<Complex> difference;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      difference.push_back(exact[i] / points - static_cast<double>(y.values<T>()[i]));
    }
    // The definition here is no more exact than what it is compared with.
    EXPECT_LE(norm(difference), 2 * bound * norm(x.complex())) << shape << " by " << psf.shape;
    options.run.accuracy = Accuracy::elementwise;  // which takes one convolution
  }
}

TEST(Wiener, IsItsDefinition) {
  // Lengths with prime factors of all kinds, psf of odd and even extents and as long as the image.
  const Shape shapes[][2] = {
      {{7}, {3}},        {{12}, {4}},       {{22}, {22}},          {{1}, {1}},
      {{6, 10}, {3, 3}}, {{5, 8}, {2, 5}},  {{1, 13}, {1, 4}},     {{4, 3, 7}, {3, 3, 2}},
      {{9, 15}, {3, 4}}, {{14, 6}, {4, 3}}, {{3, 5, 4}, {2, 3, 3}}};
  for (const auto& [shape, of_psf] : shapes) {
    Data psf = drawn(of_psf, 2);
    psf.values[0] += 3;  // so that no frequency is nearly 0
    const Data x = drawn(shape, 1), difference{Shape::filled(shape.size(), 1), {0.75}};
    expect_defined<double>(x, psf, 0.25);
    expect_defined<float>(x, psf, 0.25);
    expect_defined<double>(x, psf, 0.5, &difference);
  }
}

TEST(Wiener, LeavesOutWhatTheBlurLeftNothingOf) {
  const Data x = drawn({8}, 3);
  expect_defined<double>(x, {{2}, {0.5, 0.5}}, 0);
}

// By the definition NaN reaches every result, and infinity every one that it has a part in.
TEST(Wiener, SpreadsWhatIsNotFinite) {
  const Tensor one = Tensor::from<double>({1});
  for (const double bad : {std::nan(""), double{INFINITY}}) {
    const Tensor y = wiener(Tensor::from<double>({1, bad, 2, 3}), one, {.clip = false});
    for (std::int64_t i = 0; i < 4; ++i) EXPECT_FALSE(std::isfinite(y.at<double>(i)));
  }
}

TEST(Wiener, UndoesABlur) {
  const Tensor psf = Tensor::from<double>({0.2, 0.6, 0.2});
  const Tensor blurred = Tensor::from<double>({0, 0.2, 0.6, 0.2, 0, 0, 0, 0});
  const Tensor y = wiener(blurred, psf, {.balance = 1e-9});
  for (std::int64_t i = 0; i < 8; ++i) EXPECT_NEAR(y.at<double>(i), i == 2 ? 1 : 0, 1e-6);
}

TEST(Wiener, BringsResultsIntoRangeAndWritesAnyStrides) {
  const Tensor one = Tensor::from<float>({1}, {1, 1});
  const Tensor x = Tensor::from<float>({3, 0.25F, -4, 0.5F, -0.5F, 1, 0, 0, 0}, {3, 3});
  const Tensor y = wiener(x, one, {.balance = 0});
  EXPECT_EQ(y.at<float>(0, 0), 1);
  EXPECT_EQ(y.at<float>(0, 2), -1);
  EXPECT_NEAR(y.at<float>(0, 1), 0.25F, 1e-6);
  Tensor wide(f32, {3, 6});
  const TensorView apart{wide.data(), f32, {3, 3}, {6, 2}, Device::cpu()};
  wiener(x, one, apart, {.balance = 0});
  for (std::int64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(wide.at<float>(i / 3, i % 3 * 2), y.at<float>(i / 3, i % 3));
  }
  EXPECT_EQ(wiener(Tensor(f64, {0, 4}), Tensor::from<double>({1}, {1, 1})).shape(), (Shape{0, 4}));
}

TEST(Wiener, SaysWhatItTakes) {
  const Tensor x = Tensor::from<double>({1, 2, 3}), one = Tensor::from<double>({1});
  const Tensor four = Tensor::from<double>({1, 2, 3, 4});
  const auto call = [&](const ConstTensorView& psf, const WienerOptions& options) {
    return wiener(x, psf, options);
  };
  EXPECT_REFUSED(call(four, {}), "psf has shape 4 and x 3; it must be no longer");
  EXPECT_REFUSED(call(one, {.balance = -1}), "balance is -1; it must be at least 0 and finite");
  EXPECT_REFUSED(call(one, {.balance = INFINITY}), "balance is inf; ");
  EXPECT_REFUSED(call(one, {.roughness = four.view()}), "roughness has shape 4 and x 3; ");
  EXPECT_REFUSED(call(Tensor::from<float>({1}), {}), "x has type f64 and psf f32; ");
  EXPECT_REFUSED(wiener(Tensor::from<int>({1, 2}), one),
                 "x has type i32; wiener takes f32 and f64");
}

}  // namespace
}  // namespace faltung
