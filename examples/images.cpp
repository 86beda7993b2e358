// Blurs a picture, finds its edges, and prints both as characters.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <faltung/faltung.hpp>

using faltung::Boundary;
using faltung::Tensor;
namespace image = faltung::image;

constexpr std::int64_t height = 24;
constexpr std::int64_t width = 60;
constexpr double radius = 9;

// Distance from the middle; a character is about twice as high as it is wide.
double distance(std::int64_t row, std::int64_t column) {
  return std::hypot(static_cast<double>(row) - (height - 1) / 2.0,
                    (static_cast<double>(column) - (width - 1) / 2.0) / 2);
}

void print(const char* title, const Tensor& picture) {
  const auto values = picture.values<float>();
  const float top = std::ranges::max(values);
  std::printf("%s\n", title);
  for (std::int64_t row = 0; row < height; row += 2) {
    for (std::int64_t column = 0; column < width; ++column) {
      const float value = values[static_cast<std::size_t>(row * width + column)];
      std::putchar(" .:-=+*#"[static_cast<int>(7 * std::max(value, 0.0f) / top)]);
    }
    std::putchar('\n');
  }
}

int main() {
  Tensor disc(faltung::u8, {height, width});
  for (std::int64_t i = 0; i < disc.size(); ++i) {
    disc.values<std::uint8_t>()[static_cast<std::size_t>(i)] =
        distance(i / width, i % width) < radius ? 250 : 0;
  }

  // One sigma per axis and a floating result from 8-bit input.
  const Tensor soft = image::gaussian(
      disc, {.sigma = {1.0, 2.0}, .boundary = Boundary::nearest(), .output = faltung::f32});
  const Tensor edges = image::sobel_magnitude(soft);
  print("blurred", soft);
  print("edges", edges);

  // The edge is where the disc ends: beside the middle the strongest response of the row.
  const auto row = edges.values<float>().subspan(height / 2 * width, width / 2);
  const auto strongest = std::ranges::max_element(row) - row.begin();
  std::printf("edge at %.1f from the middle, the disc ends at %.1f\n",
              distance(height / 2, strongest), radius);
  return std::abs(distance(height / 2, strongest) - radius) <= 1 ? 0 : 1;
}
