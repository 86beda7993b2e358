// Parts of tensors and their axes in another order, without copies: an image of interleaved pixels
// goes through two layers, whose results share one buffer.

#include <cstdio>

#include <faltung/faltung.hpp>

using faltung::Tensor;
namespace nn = faltung::nn;

int main() {
  // Rows of pixels, red, green and blue side by side, as image files hold them.
  Tensor pixels(faltung::u8, {4, 6, 3});
  for (int row = 0; row < 4; ++row) {
    for (int column = 0; column < 6; ++column) {
      pixels.at<std::uint8_t>(row, column, 0) = static_cast<std::uint8_t>(10 * row + column);
      pixels.at<std::uint8_t>(row, column, 1) = 100;
      pixels.at<std::uint8_t>(row, column, 2) = 255;
    }
  }
  // A batch of one image, channels first.
  const Tensor batch = std::move(pixels).reshaped({1, 4, 6, 3});
  const auto x = batch.permute({0, 3, 1, 2});

  // One layer that averages the colours, one that takes the difference of the outer two; the
  // channels of both lie in one result, as a network that concatenates them wants it.
  const Tensor mean = Tensor::from({1 / 3.f, 1 / 3.f, 1 / 3.f}, {1, 3, 1, 1});
  const Tensor difference = Tensor::from({1.f, 0.f, -1.f}, {1, 3, 1, 1});
  Tensor y = Tensor::zeros(faltung::f32, {1, 2, 4, 6});
  const nn::ConvOptions options{.output = faltung::f32};
  nn::conv(x, mean, y.slice(1, {.stop = 1}), options);
  nn::conv(x, difference, y.slice(1, {.start = 1}), options);

  std::printf("pixels  %s\n", to_string(batch).c_str());
  std::printf("means   %s\n", to_string(y.slice(1, {.stop = 1})).c_str());
  std::printf("mirrored\n        %s\n", to_string(y.slice(3, {.step = -1})).c_str());

  double sum = 0;
  for (const float value : nn::conv(x, difference, options).values<float>()) sum += value;
  const bool right = y.at<float>(0, 1, 3, 5) == 35 - 255 && sum == 24 * (17.5 - 255);
  std::printf("%s\n", right ? "as expected" : "wrong");
  return right ? 0 : 1;
}
