#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <faltung/signal.hpp>
#include "cpp/tools/demo/html.hpp"
#include "cpp/tools/demo/noise.hpp"
#include "cpp/tools/demo/sections.hpp"

namespace faltung::tools::demo {
namespace {

constexpr std::int64_t matrix_taps = 7;
constexpr std::int64_t vector_length = 24;
constexpr std::int64_t rows = vector_length + matrix_taps - 1;

Tensor random_vector(std::int64_t count, std::uint64_t seed) {
  Noise noise(seed);
  Tensor result(f64, {count});
  for (double& value : result.values<double>()) value = noise.normal();
  return result;
}

/// One pixel per element: blue below zero, orange above, more transparent towards zero, so that it
/// reads on a light and on a dark page.
std::string element_figure(const Tensor& matrix, std::int64_t rows_of, std::int64_t columns,
                           const char* caption, const char* description) {
  constexpr std::array<std::uint8_t, 3> below{11, 107, 181};
  constexpr std::array<std::uint8_t, 3> above{222, 98, 24};
  const auto values = matrix.values<double>();
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  Tensor picture(u8, {rows_of, columns, 4});
  const auto pixel = picture.values<std::uint8_t>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& color = values[i] < 0 ? below : above;
    std::ranges::copy(color, pixel.begin() + static_cast<std::ptrdiff_t>(4 * i));
    pixel[4 * i + 3] = static_cast<std::uint8_t>(std::lround(255 * std::abs(values[i]) / largest));
  }
  return fmt::format(
      "<figure style=\"--columns:{};--rows:{}\"><img class=\"pixelated\" src=\"{}\" "
      "alt=\"{}\"><figcaption>{}</figcaption></figure>\n",
      columns, rows_of, picture_uri(picture), description, caption);
}

/// A x by the schoolbook rule.
std::vector<double> product(const Tensor& matrix, const Tensor& x) {
  const auto a = matrix.values<double>();
  const auto v = x.values<double>();
  std::vector<double> result(a.size() / v.size(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) result[i / v.size()] += a[i] * v[i % v.size()];
  return result;
}

}  // namespace

Section toeplitz(const Lab& lab) {
  const Tensor a = random_vector(matrix_taps, 4);
  const Tensor x = random_vector(vector_length, 5);
  const Tensor matrix = signal::convolution_matrix(a, vector_length);
  const std::vector<double> expected = product(matrix, x);
  const signal::Lowering call = signal::lower_convolve(x, a);
  Outcome outcome = lab.run("Convolution of 24 with 7", call.problem, x, a, call.plan);

  const auto y = outcome.y.values<double>();
  double difference = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    difference = std::max(difference, std::abs(y[i] - expected.at(i)));
  }

  Section section;
  section.id = "toeplitz";
  section.title = "Convolution is a matrix";
  section.text = fmt::format(
      "<p>Convolving with a fixed filter is linear, so it is a matrix: the Toeplitz matrix whose "
      "every "
      "column holds the {} taps, one row further down each time. Multiplying it with a random "
      "vector of {} elements gives what <code>convolve</code> gives; the largest difference is "
      "{}.</p>",
      matrix_taps, vector_length, difference == 0 ? "exactly 0" : power_of_ten(difference));
  section.code =
      "auto A = faltung::signal::convolution_matrix(a, 24);  // 30 x 24\n"
      "auto y = faltung::signal::convolve(x, a);             // = A x";
  section.body = "<div class=\"equation\">\n" +
                 element_figure(matrix, rows, vector_length, "<b>A</b>, 30 × 24",
                                "a matrix with one diagonal band") +
                 "<span>·</span>" +
                 element_figure(x, vector_length, 1, "<b>x</b>", "a column of 24 elements") +
                 "<span>=</span>" +
                 element_figure(outcome.y, rows, 1, "<b>y</b>", "a column of 30 elements") +
                 "</div>\n";
  section.measurements.push_back(std::move(outcome.measurement));
  section.facts = {{"difference", difference}};
  return section;
}

}  // namespace faltung::tools::demo
