#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <faltung/filters.hpp>
#include <faltung/signal.hpp>
#include "cpp/tools/demo/html.hpp"
#include "cpp/tools/demo/noise.hpp"
#include "cpp/tools/demo/plot.hpp"
#include "cpp/tools/demo/sections.hpp"

namespace faltung::tools::demo {
namespace {

constexpr std::int64_t days = 365;
constexpr std::int64_t window_taps = 30;

/// A year of daily temperatures as the middle latitudes have them: the season, and weather that
/// today is much like yesterday's.
Tensor make_temperatures() {
  Noise noise(3);
  Tensor result(f64, {days});
  double weather = 0;
  for (std::int64_t day = 0; day < days; ++day) {
    const double season =
        -std::cos(2 * std::numbers::pi * static_cast<double>(day - 20) / static_cast<double>(days));
    weather = 0.75 * weather + 2.4 * noise.normal();
    result.values<double>()[static_cast<std::size_t>(day)] = 17 + 8 * season + weather;
  }
  return result;
}

/// Values placed on the days from `first` on.
Curve curve(const std::string& label, int color, Stroke stroke, double first, const Tensor& y) {
  Curve result{label, color, stroke, {}, {}};
  for (const double value : y.values<double>()) {
    result.x.push_back(first++);
    result.y.push_back(value);
  }
  return result;
}

}  // namespace

Section moving_average(const Lab& lab) {
  const Tensor x = make_temperatures();
  const Tensor w = filters::moving_average(window_taps);
  const auto run = [&](signal::Mode mode) {
    const signal::Lowering call = signal::lower_convolve(x, w, {.mode = mode});
    Outcome outcome = lab.run(fmt::format("Mean of 30 days, {}", signal::name(mode)), call.problem,
                              x, w, call.plan);
    outcome.y = std::move(outcome.y).reshaped(call.result_shape);
    return outcome;
  };
  Outcome same = run(signal::Mode::same);
  Outcome valid = run(signal::Mode::valid);

  // full[i] averages days i-29 .. i. valid starts at full[29], same at full[(30-1)/2 = 14]: so
  // valid[j] and same[j + 15] are the same mean, of the days j .. j+29.
  double difference = 0;
  for (std::size_t j = 0; j < valid.y.values<double>().size(); ++j) {
    difference = std::max(difference, std::abs(valid.y.values<double>()[j] -
                                               same.y.values<double>()[j + window_taps / 2]));
  }

  Plot plot{.description =
                "A year of daily temperatures, rising to summer and falling again, with "
                "the smooth mean of 30 days; near both ends the mode same falls to zero.",
            .x = {.label = "day of the year"},
            .y = {.label = "temperature in °C"}};
  plot.curves.push_back(curve("daily mean (synthetic)", 0, Stroke::faint, 0, x));
  plot.curves.push_back(curve("same: 365 values", 2, Stroke::dashed, 0, same.y));
  // The middle of days j .. j+29, as `same` has it one half day later.
  plot.curves.push_back(
      curve("valid: 336 values", 1, Stroke::solid, static_cast<double>(window_taps) / 2, valid.y));

  Section section;
  section.id = "average";
  section.title = "A moving average of 30 days";
  section.text = fmt::format(
      "<p>Thirty taps have no middle one, and this is where libraries differ by a sample. Here, as "
      "in "
      "SciPy, <code>same</code> keeps the full result from index (30\u2212\u20601)/2 = 14 on: "
      "value "
      "<i>i</i> is the mean of days <i>i</i>\u2212\u206015 to <i>i</i>+14, and days outside the "
      "year "
      "count as zero, so both ends fall. <code>valid</code> keeps only the {} whole months. Where "
      "both "
      "exist they differ by {}.</p>",
      valid.y.size(),
      difference == 0 ? "exactly 0" : "at most " + power_of_ten(difference) + " °C");
  section.code =
      "auto w = faltung::filters::moving_average(30);\n"
      "auto y = faltung::signal::convolve(x, w, {.mode = faltung::Mode::valid});";
  section.body = plot_html(plot);
  section.measurements.push_back(std::move(same.measurement));
  section.measurements.push_back(std::move(valid.measurement));
  section.facts = {{"same", same.y.size()}, {"valid", valid.y.size()}, {"difference", difference}};
  return section;
}

}  // namespace faltung::tools::demo
