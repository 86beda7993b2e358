// A layer of bytes that stand for real numbers (ONNX QLinearConv): planned once, run for batches of
// which the last is smaller, and compared with the layer of real numbers that it stands for.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

#include <faltung/faltung.hpp>

using faltung::Tensor;
namespace nn = faltung::nn;

int main() {
  std::mt19937 random(5);
  const auto random_bytes = [&](faltung::DType type, const faltung::Shape& shape) {
    const int low = type == faltung::i8 ? -128 : 0;
    Tensor numbers(faltung::i32, shape);
    for (int& value : numbers.values<int>()) value = low + static_cast<int>(random() % 256);
    return compact_copy(numbers, type);
  };
  const Tensor x = random_bytes(faltung::u8, {10, 3, 16, 16});
  const Tensor w = random_bytes(faltung::i8, {4, 3, 3, 3});
  const Tensor bias = Tensor::from({100, -2000, 0, 50});

  // real = scale (byte - zero point); the filters of each output channel have a scale of their own
  const nn::Quantisation q{.x_scale = 1 / 128.0,
                           .x_zero = 128,
                           .w_scale = {0.01, 0.02, 0.005, 0.03},
                           .y_scale = 0.25,
                           .y_zero = 128};
  const nn::ConvOptions options{.padding = 1};
  const nn::QuantisedPlan full =
      nn::plan_qlinear_conv({4, 3, 16, 16}, faltung::u8, w, q, bias, options);
  const nn::QuantisedPlan last = full.with_batch(2);

  Tensor y(faltung::u8, {10, 4, 16, 16});
  Tensor scratch(
      faltung::u8,
      {static_cast<std::int64_t>(std::max(full.workspace_bytes(), last.workspace_bytes()))});
  const faltung::Workspace workspace{scratch.data(), scratch.bytes()};
  for (std::int64_t n = 0; n < 10; n += 4) {
    const faltung::Slice images{.start = n, .stop = std::min<std::int64_t>(n + 4, 10)};
    (n + 4 <= 10 ? full : last).run(x.slice(0, images), y.slice(0, images), {}, workspace);
  }

  // The same in real numbers.
  Tensor real_x = compact_copy(x, faltung::f64), real_w = compact_copy(w, faltung::f64);
  Tensor real_bias = compact_copy(bias, faltung::f64);
  for (double& value : real_x.values<double>()) value = q.x_scale * (value - 128);
  for (int k = 0; k < 4; ++k) {
    const double scale = q.w_scale[static_cast<std::size_t>(k)];
    for (int i = 0; i < 27; ++i) real_w.at<double>(k, i / 9, i / 3 % 3, i % 3) *= scale;
    real_bias.at<double>(k) *= q.x_scale * scale;
  }
  const Tensor real_y = nn::conv(real_x, real_w, options, real_bias);
  double worst = 0;
  const Tensor bytes = compact_copy(y, faltung::f64);
  for (std::size_t i = 0; i < bytes.values<double>().size(); ++i) {
    const double byte = bytes.values<double>()[i];
    const double wanted = std::clamp(real_y.values<double>()[i] / q.y_scale + 128, 0.0, 255.0);
    worst = std::max(worst, std::abs(byte - wanted));
  }
  std::printf("engine %s; the bytes are within %.3f of the real layer (rounding: 0.5)\n",
              full.sums().engine().c_str(), worst);
  return worst <= 0.5 + 1e-9 ? 0 : 1;  // rounding of the real sums is far below 1e-9
}
