// One layer, its gradients, and a training step. The gradients are compared with differences.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

#include <faltung/faltung.hpp>

using faltung::Tensor;
namespace nn = faltung::nn;

const nn::ConvOptions layer = {.stride = 2, .padding = 1, .groups = 2};

// The loss is half the squared distance from the target; its gradient is the distance itself.
struct Loss {
  double value = 0;
  Tensor gradient;
};

Loss loss(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& target) {
  Loss result;
  result.gradient = nn::conv(x, w, layer, bias);
  const auto difference = result.gradient.values<double>();
  for (std::size_t i = 0; i < difference.size(); ++i) {
    difference[i] -= target.values<double>()[i];
    result.value += difference[i] * difference[i] / 2;
  }
  return result;
}

int main() {
  std::mt19937 random(7);
  std::normal_distribution<double> draw;
  const auto random_tensor = [&](const faltung::Shape& shape) {
    Tensor tensor(faltung::f64, shape);
    for (double& value : tensor.values<double>()) value = draw(random);
    return tensor;
  };
  Tensor x = random_tensor({2, 4, 9, 9}), w = random_tensor({6, 2, 3, 3});
  Tensor bias = random_tensor({6});
  const Tensor target = random_tensor({2, 6, 5, 5});

  const Loss before = loss(x, w, bias, target);
  const Tensor& dy = before.gradient;
  const Tensor dx = nn::conv_data_gradient(dy, w, x.shape(), layer);
  const Tensor dw = nn::conv_filter_gradient(x, dy, w.shape(), layer);
  const Tensor db = nn::bias_gradient(dy, layer);

  // The loss is quadratic in each operand, so central differences err by rounding alone: one unit
  // for each of the 300 terms of a loss, divided by the step.
  const double step = 0.01;
  const double tolerance = 300 * 0x1p-53 * before.value / step;
  bool right = true;
  const auto compare = [&](const char* name, Tensor& operand, const Tensor& gradient) {
    double worst = 0;
    for (std::size_t i = 0; i < operand.values<double>().size(); i += 5) {
      double& value = operand.values<double>()[i];
      const double kept = value;
      value = kept + step;
      const double above = loss(x, w, bias, target).value;
      value = kept - step;
      const double below = loss(x, w, bias, target).value;
      value = kept;
      const double difference = (above - below) / (2 * step);
      worst = std::max(worst, std::abs(difference - gradient.values<double>()[i]));
    }
    std::printf("%-6s gradient differs by at most %.1e\n", name, worst);
    right = right && worst <= tolerance;
  };
  compare("data", x, dx);
  compare("filter", w, dw);
  compare("bias", bias, db);

  for (std::size_t i = 0; i < w.values<double>().size(); ++i) {
    w.values<double>()[i] -= 1e-3 * dw.values<double>()[i];
  }
  const double after = loss(x, w, bias, target).value;
  std::printf("loss %.2f before a step against the filter's gradient, %.2f after\n", before.value,
              after);
  return right && after < before.value ? 0 : 1;
}
