#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <faltung/faltung.hpp>
#include <random>
#include <vector>

#include "tests/support/direct_sum.hpp"

namespace faltung {
namespace {

using image::richardson_lucy;
using image::RichardsonLucyOptions;

// Row-major images of at most two axes, [rows, columns], and the definition.
struct Image {
  std::int64_t rows, columns;
  std::vector<double> values;
  double& at(std::int64_t i, std::int64_t j) {
    return values[static_cast<std::size_t>(i * columns + j)];
  }
  [[nodiscard]] double at(std::int64_t i, std::int64_t j) const {
    const bool inside = i >= 0 && i < rows && j >= 0 && j < columns;
    return inside ? values[static_cast<std::size_t>(i * columns + j)] : 0;
  }
};

// The sum over the elements of psf, with its middle at the element itself; `sign` 1 for the blur,
// -1 for its adjoint.
Image blurred(const Image& x, const Image& psf, int sign) {
  Image y{x.rows, x.columns, std::vector<double>(x.values.size())};
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < x.columns; ++j) {
      for (std::int64_t r = 0; r < psf.rows; ++r) {
        for (std::int64_t s = 0; s < psf.columns; ++s) {
          y.at(i, j) += psf.at(r, s) * x.at(i + sign * ((psf.rows - 1) / 2 - r),
                                            j + sign * ((psf.columns - 1) / 2 - s));
        }
      }
    }
  }
  return y;
}

Image defined(const Image& x, const Image& psf, int iterations, double epsilon) {
  Image guess{x.rows, x.columns, std::vector<double>(x.values.size(), 0.5)};
  for (int k = 0; k < iterations; ++k) {
    Image ratio = blurred(guess, psf, 1);
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      const double below = ratio.values[i] + 1e-12;
      ratio.values[i] = below < epsilon ? 0 : x.values[i] / below;
    }
    const Image correction = blurred(ratio, psf, -1);
    for (std::size_t i = 0; i < x.values.size(); ++i) guess.values[i] *= correction.values[i];
  }
  return guess;
}

Image positive(std::int64_t rows, std::int64_t columns, unsigned seed) {
  Image x{rows, columns, {}};
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> draw(0.125F, 1);
  for (std::int64_t i = 0; i < rows * columns; ++i) x.values.push_back(draw(random));
  return x;
}

template <typename T>
Tensor tensor_of(const Image& x) {
  return Tensor::from(std::vector<T>(x.values.begin(), x.values.end()), {x.rows, x.columns});
}

template <typename T>
void expect_defined(const Image& x, const Image& psf, int iterations, double epsilon = 0) {
  const Tensor y = richardson_lucy(
      tensor_of<T>(x), tensor_of<T>(psf),
      {.iterations = iterations, .clip = false, .epsilon = epsilon, .method = Method::direct});
  const Image exact = defined(x, psf, iterations, epsilon);
  // All numbers are positive, so that relative errors add up as the header says; the definition's
  // own are those of f64. 1 % for what is of higher order.
  const double m = static_cast<double>(psf.values.size());
  const double grown = std::ldexp(1, iterations) - 1;
  const double bound =
      1.01 * grown * (2 * m + 6) * (unit_roundoff(dtype_of<T>) + unit_roundoff(f64));
  for (std::size_t i = 0; i < exact.values.size(); ++i) {
    EXPECT_LE(std::abs(static_cast<double>(y.values<T>()[i]) - exact.values[i]),
              bound * exact.values[i])
        << "element " << i << " of " << x.rows << "x" << x.columns << ", psf " << psf.rows << "x"
        << psf.columns;
  }
}

TEST(RichardsonLucy, IsItsDefinition) {
  const Image x = positive(9, 14, 1);
  // Odd, even, of one element, and longer than the image along one axis or both.
  const std::int64_t shapes[][2] = {{3, 5}, {4, 2}, {1, 1}, {1, 6}, {11, 3}, {10, 16}};
  for (const auto& [rows, columns] : shapes) {
    Image psf = positive(rows, columns, 2);
    double sum = 0;
    for (const double value : psf.values) sum += value;
    // Whole multiples of 2^-10, so that f32 holds them.
    for (double& value : psf.values) value = std::ceil(value / sum * 1024) / 1024;
    expect_defined<double>(x, psf, 1);
    expect_defined<double>(x, psf, 8);
    expect_defined<float>(x, psf, 4);
  }
}

TEST(RichardsonLucy, CorrectsNothingWhereLittleIsSeen) {
  Image x = positive(1, 40, 3);
  for (std::size_t i = 10; i < 20; ++i) x.values[i] = 0;
  const Image psf{1, 3, {0.25, 0.5, 0.25}};
  expect_defined<double>(x, psf, 5, 0.05);
}

TEST(RichardsonLucy, BringsResultsIntoRange) {
  const Tensor x = Tensor::from<double>({3, 0.25, -4});
  const Tensor one = Tensor::from<double>({1});
  const Tensor y = richardson_lucy(x, one, {.iterations = 1});
  EXPECT_EQ(y.values<double>()[0], 1);
  EXPECT_NEAR(y.values<double>()[1], 0.25, 1e-11);  // by 1e-12 of the guess, 0.5
  EXPECT_EQ(y.values<double>()[2], -1);
  const Tensor wide = richardson_lucy(x, one, {.iterations = 1, .clip = false});
  EXPECT_NEAR(wide.values<double>()[0], 3, 1e-11);
  EXPECT_EQ(richardson_lucy(x, one, {.iterations = 0}).values<double>()[2], 0.5);
}

TEST(RichardsonLucy, ReadsAndWritesAnyStrides) {
  const Image x = positive(6, 10, 4), psf = positive(3, 4, 5);
  const Tensor a = tensor_of<float>(x), k = tensor_of<float>(psf);
  const Tensor expected = richardson_lucy(a, k, {.iterations = 3});
  Tensor turned(f32, {10, 6});
  Tensor wide(f32, {6, 20});
  for (std::int64_t i = 0; i < 6; ++i) {
    for (std::int64_t j = 0; j < 10; ++j) turned.at<float>(j, i) = a.at<float>(i, j);
  }
  const TensorView y{wide.data(), f32, {6, 10}, {20, 2}, Device::cpu()};
  richardson_lucy(ConstTensorView{turned.data(), f32, {6, 10}, {1, 6}, Device::cpu()}, k, y,
                  {.iterations = 3});
  for (std::int64_t i = 0; i < 6; ++i) {
    for (std::int64_t j = 0; j < 10; ++j) {
      EXPECT_EQ(wide.at<float>(i, 2 * j), expected.at<float>(i, j));
    }
  }
  EXPECT_EQ(richardson_lucy(Tensor(f64, {0, 4}), Tensor::from<double>({1}, {1, 1})).shape(),
            (Shape{0, 4}));
}

template <typename Error>
void expect_refused(const ConstTensorView& x, const ConstTensorView& psf,
                    const RichardsonLucyOptions& options, const std::string& said) {
  try {
    static_cast<void>(richardson_lucy(x, psf, options));
    ADD_FAILURE() << "not refused: " << said;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
  }
}

TEST(RichardsonLucy, SaysWhatItTakes) {
  const Tensor x = Tensor::from<double>({1, 2, 3}), one = Tensor::from<double>({1});
  expect_refused<InvalidProblem>(Tensor::from<int>({1, 2}), one, {}, "x has type i32; ");
  expect_refused<InvalidProblem>(x, Tensor::from<float>({1}), {}, "x has type f64 and psf f32; ");
  expect_refused<InvalidProblem>(x, Tensor::from<double>({1}, {1, 1}), {}, "rank 1 and psf 2; ");
  expect_refused<InvalidProblem>(x, Tensor(f64, {0}), {}, "at least one element");
  expect_refused<InvalidProblem>(x, one, {.iterations = -1}, "iterations is -1; ");
  expect_refused<InvalidProblem>(x, one, {.epsilon = std::nan("")}, "epsilon is nan; ");
  ConstTensorView there = one.view();
  there.device = Device::cuda(0);
  expect_refused<InvalidProblem>(x, there, {}, "psf lies on cuda:0 and x on cpu; ");
}

}  // namespace
}  // namespace faltung
