// Smooths a noisy sine with one call.

#include <cmath>
#include <cstdio>
#include <random>

#include <faltung/faltung.hpp>

int main() {
  constexpr std::int64_t length = 2000;
  std::mt19937 random(1);
  std::normal_distribution<float> noise(0, 0.3f);

  faltung::Tensor clean(faltung::f32, {length}), noisy(faltung::f32, {length});
  for (std::size_t i = 0; i < length; ++i) {
    clean.values<float>()[i] = std::sin(0.01f * static_cast<float>(i));
    noisy.values<float>()[i] = clean.values<float>()[i] + noise(random);
  }

  // The average of 25 neighbours; the result has the length of the signal.
  const faltung::Tensor average =
      faltung::compact_copy(faltung::filters::moving_average(25), faltung::f32);
  const faltung::Tensor smooth = faltung::convolve(noisy, average, {.mode = faltung::Mode::same});

  const auto error = [&](const faltung::Tensor& signal) {
    double sum = 0;
    for (std::size_t i = 50; i + 50 < length; ++i) {
      const double difference = signal.values<float>()[i] - clean.values<float>()[i];
      sum += difference * difference;
    }
    return std::sqrt(sum / (length - 100));
  };
  std::printf("noise before %.3f, after %.3f\n", error(noisy), error(smooth));
  // Averaging 25 independent values divides their deviation by 5.
  return error(smooth) < error(noisy) / 4 ? 0 : 1;
}
