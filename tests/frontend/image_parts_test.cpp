// Parts of an image, filtered by themselves with the choices of the whole, have its bits.

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <faltung/faltung.hpp>
#include <functional>
#include <random>
#include <string>

namespace faltung {
namespace {

constexpr std::int64_t rows = 300, columns = 260, reach = 16;

Tensor image_of_noise() {
  Tensor x(f64, {rows, columns});
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal;
  for (double& value : x.values<double>()) value = normal(random);
  return x;
}

// The rows first..last of a compact image, in place.
ConstTensorView rows_of(const Tensor& x, std::int64_t first, std::int64_t last) {
  return {x.values<double>().data() + first * columns,
          f64,
          {last - first, columns},
          {columns, 1},
          x.device()};
}

using Filter = std::function<Tensor(const ConstTensorView&, const Shape& chosen_for)>;

struct Case {
  std::string name;
  Filter filter;
};

std::vector<Case> cases() {
  using Shapes = const Shape&;
  using Image = const ConstTensorView&;
  return {
      {"gaussian",
       [](Image x, Shapes s) { return image::gaussian(x, {.sigma = 2.0, .chosen_for = s}); }},
      {"laplace of gaussian",
       [](Image x, Shapes s) {
         return image::gaussian_laplace(x, {.sigma = 1.5, .chosen_for = s});
       }},
      {"sobel", [](Image x, Shapes s) { return image::sobel(x, {.axis = 0, .chosen_for = s}); }},
      {"laplace", [](Image x, Shapes s) { return image::laplace(x, {.chosen_for = s}); }},
      {"uniform",
       [](Image x, Shapes s) { return image::uniform(x, {.size = 5, .chosen_for = s}); }},
      {"correlate",
       [](Image x, Shapes s) {
         Tensor w(f64, {7, 5});
         for (std::int64_t i = 0; i < 35; ++i)
           w.values<double>()[i] = 1.0 / static_cast<double>(3 + i);
         return image::correlate(x, w, {.chosen_for = s});
       }},
  };
}

// Rows that do not see where the part ends. Parts of one row of results, and of very many.
TEST(ImageParts, HaveTheBitsOfTheWhole) {
  const Tensor x = image_of_noise();
  for (const Case& each : cases()) {
    const Tensor whole = each.filter(x, {});
    for (const std::int64_t count : {1, 2, 17, 200}) {
      const std::int64_t first = 40;
      const ConstTensorView part = rows_of(x, first - reach, first + count + reach);
      const Tensor y = each.filter(part, x.shape());
      for (std::int64_t i = 0; i < count * columns; ++i) {
        ASSERT_EQ(std::bit_cast<std::uint64_t>(y.values<double>()[reach * columns + i]),
                  std::bit_cast<std::uint64_t>(whole.values<double>()[first * columns + i]))
            << each.name << ", " << count << " rows, element " << i;
      }
    }
  }
}

TEST(ImageParts, OfAnotherRankAreRefused) {
  const Tensor x = image_of_noise();
  for (const Shape& shape : {Shape{300}, Shape{300, 0}}) {
    try {
      const Tensor y = image::gaussian(x, {.sigma = 2.0, .chosen_for = shape});
      FAIL() << shape << " gave " << y.shape();
    } catch (const InvalidProblem& refused) {
      EXPECT_NE(std::string(refused.what()).find("chosen_for has shape"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace faltung
