#include "cpp/tools/demo/spectrogram.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

#include "cpp/tools/demo/html.hpp"

namespace faltung::tools::demo {
namespace {

constexpr std::int64_t pitches = 96;
constexpr std::int64_t picture_columns = 240;
constexpr double lowest = 80;         // hertz: below a deep voice
constexpr double dynamic_range = 70;  // decibels from white to black

double highest(int rate) { return std::max(2 * lowest, std::min(12000.0, 0.45 * rate)); }

/// Hertz, evenly spaced in octaves.
double pitch(std::int64_t index, int rate) {
  const double share = static_cast<double>(index) / static_cast<double>(pitches - 1);
  return lowest * std::pow(highest(rate) / lowest, share);
}

/// Complex tones under a Hann window, c64 [pitches, 1, taps], normalised to gain 1.
Tensor make_bank(std::int64_t taps, int rate) {
  Tensor bank(c64, {pitches, 1, taps});
  auto* tap = bank.values<std::complex<float>>().data();
  for (std::int64_t k = 0; k < pitches; ++k) {
    const double turn = 2 * std::numbers::pi * pitch(k, rate) / rate;
    for (std::int64_t i = 0; i < taps; ++i) {
      const double t = static_cast<double>(i);
      const double position = (t + 0.5) / static_cast<double>(taps);
      const double window = 1 - std::cos(2 * std::numbers::pi * position);
      *tap++ =
          std::polar<float>(static_cast<float>(window / static_cast<double>(taps)),
                            static_cast<float>(std::remainder(turn * t, 2 * std::numbers::pi)));
    }
  }
  return bank;
}

/// From black over violet and orange to pale yellow, evenly in lightness.
std::array<float, 3> heat(double value) {
  static constexpr std::array<std::array<float, 3>, 6> stops{{{0.02F, 0.02F, 0.08F},
                                                              {0.23F, 0.07F, 0.42F},
                                                              {0.55F, 0.16F, 0.50F},
                                                              {0.87F, 0.28F, 0.39F},
                                                              {0.99F, 0.62F, 0.38F},
                                                              {0.99F, 0.98F, 0.78F}}};
  const double position = std::clamp(value, 0.0, 1.0) * (stops.size() - 1);
  const auto below = std::min<std::size_t>(static_cast<std::size_t>(position), stops.size() - 2);
  std::array<float, 3> color{};
  for (std::size_t c = 0; c < 3; ++c) {
    color[c] = std::lerp(stops[below][c], stops[below + 1][c],
                         static_cast<float>(position - static_cast<double>(below)));
  }
  return color;
}

/// High pitches on top, loudness as colour.
std::string picture(const Tensor& response, std::int64_t width) {
  const auto z = response.values<std::complex<float>>();
  float loudest = 1e-12F;
  for (const auto& value : z) loudest = std::max(loudest, std::abs(value));
  Tensor planes(f32, {3, pitches, width});
  const auto y = planes.values<float>();
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double decibels = 20 * std::log10(std::max(std::abs(z[i]) / loudest, 1e-9F));
    const auto color = heat(1 + decibels / dynamic_range);
    const std::size_t row = pitches - 1 - i / static_cast<std::size_t>(width);
    const std::size_t column = i % static_cast<std::size_t>(width);
    for (std::size_t c = 0; c < 3; ++c) {
      y[(c * pitches + row) * static_cast<std::size_t>(width) + column] = color[c];
    }
  }
  return picture_uri(pixels(planes));
}

}  // namespace

Spectrogram make_spectrogram(const Lab& lab, const std::string& label, const Tensor& sound,
                             int rate) {
  const std::int64_t frames = sound.shape()[1];
  const std::int64_t taps = std::max<std::int64_t>(16, rate / 48);  // a 48th of a second
  const std::int64_t stride = std::max<std::int64_t>(1, frames / picture_columns);
  const Problem problem =
      Problem::parse(fmt::format("op=fwd dtype=c64 n=1 c=1 k={} in={} f={} stride={} pad={}",
                                 pitches, frames, taps, stride, taps / 2));
  Outcome outcome =
      lab.run("Spectrogram, " + label, problem, compact_copy(sound, c64), make_bank(taps, rate));
  Plot plot{
      .description = "Spectrogram, " + label + ": bright where a pitch is loud.",
      .x = {.label = "time in seconds, " + label,
            .low = 0,
            .high = static_cast<double>(frames) / rate},
      .y = {
          .label = "pitch in hertz", .low = std::log10(lowest), .high = std::log10(highest(rate))}};
  for (const double hertz : {100, 200, 500, 1000, 2000, 5000, 10000}) {
    plot.y.ticks.emplace_back(std::log10(hertz), fmt::format("{}", hertz));
  }
  plot.backdrop = Backdrop{picture(outcome.y, problem.axes[0].output())};
  plot.aspect = 0.7;
  return {plot_html(plot), std::move(outcome.measurement)};
}

}  // namespace faltung::tools::demo
