#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include <faltung/filters.hpp>
#include "cpp/tools/demo/noise.hpp"
#include "cpp/tools/demo/plot.hpp"
#include "cpp/tools/demo/sections.hpp"

namespace faltung::tools::demo {
namespace {

constexpr std::int64_t sine_length = 600;
constexpr double sine_noise = 0.35;  // of the sine's amplitude

/// Root of the mean squared difference.
double distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

Curve curve(const std::string& label, int color, Stroke stroke, std::span<const double> y) {
  Curve result{label, color, stroke, {}, {y.begin(), y.end()}};
  for (std::size_t i = 0; i < y.size(); ++i) result.x.push_back(static_cast<double>(i));
  return result;
}

}  // namespace

Section smoothing(const Lab& lab) {
  Noise noise(1);
  Tensor clean(f64, {sine_length});
  Tensor noisy(f64, {sine_length});
  for (std::size_t i = 0; i < sine_length; ++i) {
    const double phase = 6 * std::numbers::pi * static_cast<double>(i) / sine_length;
    clean.values<double>()[i] = std::sin(phase);
    noisy.values<double>()[i] = std::sin(phase) + sine_noise * noise.normal();
  }

  Plot plot{.description =
                "A noisy sine wave and three smoothed versions of it; the longer the "
                "filter, the closer to the clean sine.",
            .x = {.label = "sample"},
            .y = {.label = "value"}};
  plot.curves.push_back(curve("noisy", 0, Stroke::faint, noisy.values<double>()));
  Section section;
  section.facts["noise"] = distance(noisy.values<double>(), clean.values<double>());
  std::string figures;
  int color = 3;
  for (const std::int64_t taps : {5, 15, 51}) {
    const Problem problem = Problem::parse(
        fmt::format("op=filter dtype=f64 in={} f={} boundary=reflect", sine_length, taps));
    const Tensor w = filters::gaussian_1d(static_cast<double>(taps) / 6, 0, taps / 2);
    Outcome outcome = lab.run(fmt::format("Gaussian, {} taps", taps), problem, noisy, w);
    const double left = distance(outcome.y.values<double>(), clean.values<double>());
    section.facts["error"].push_back(left);
    figures += fmt::format("{}{:.2f} with {} taps", figures.empty() ? "" : ", ", left, taps);
    plot.curves.push_back(
        curve(fmt::format("{} taps", taps), color, Stroke::solid, outcome.y.values<double>()));
    color = color == 3 ? 1 : 2;
    section.measurements.push_back(std::move(outcome.measurement));
  }

  section.id = "smoothing";
  section.title = "Smoothing a noisy sine";
  section.text = fmt::format(
      "<p>Three periods of a sine with normal noise of {:.0f} % of its amplitude, smoothed with "
      "Gaussian filters of 5, 15 and 51 taps. A longer filter averages more of the noise away: the "
      "distance to the clean sine falls from {:.2f} to {}. At both ends the signal is continued by "
      "its mirror image, so the smoothed curves do not droop.</p>",
      100 * sine_noise, section.facts["noise"].get<double>(), figures);
  section.code =
      "auto w = faltung::filters::gaussian_1d(51 / 6.0, 0, 25);\n"
      "auto y = faltung::image::convolve1d(x, w);  // boundary: reflect";
  section.body = plot_html(plot);
  return section;
}

}  // namespace faltung::tools::demo
