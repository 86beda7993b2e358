#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <faltung/filters.hpp>
#include <faltung/numpy.hpp>
#include <faltung/signal.hpp>
#include "cpp/tools/demo/noise.hpp"
#include "cpp/tools/demo/plot.hpp"
#include "cpp/tools/demo/sections.hpp"

namespace faltung::tools::demo {
namespace {

constexpr std::size_t length = 2000;
constexpr std::size_t true_lag = 137;

struct Pair {
  Tensor early{f64, {length}};
  Tensor late{f64, {length}};
};

/// One source heard twice, the second time `true_lag` samples later, each with noise as loud as the
/// source itself.
Pair make_signals() {
  Noise noise(2);
  Tensor raw(f64, {length + true_lag});
  for (double& value : raw.values<double>()) value = noise.normal();
  Tensor source = numpy::convolve(raw, filters::gaussian_1d(2), {.mode = signal::Mode::same});
  double power = 0;
  for (const double value : source.values<double>()) power += value * value;
  const double level = std::sqrt(power / static_cast<double>(source.size()));
  Pair pair;
  const auto s = source.values<double>();
  for (std::size_t i = 0; i < length; ++i) {
    pair.early.values<double>()[i] = s[i + true_lag] / level + noise.normal();
    pair.late.values<double>()[i] = s[i] / level + noise.normal();
  }
  return pair;
}

Plot signal_plot(const std::string& label, int color, const Tensor& signal) {
  Plot plot{.description = label, .x = {.label = "sample"}, .y = {.label = "value"}};
  plot.aspect = 0.17;
  Curve curve{label, color, Stroke::faint, {}, {}};
  for (std::size_t i = 0; i < length; ++i) {
    curve.x.push_back(static_cast<double>(i));
    curve.y.push_back(signal.values<double>()[i]);
  }
  plot.curves.push_back(std::move(curve));
  return plot;
}

double energy(const Tensor& signal) {
  double sum = 0;
  for (const double value : signal.values<double>()) sum += value * value;
  return sum;
}

}  // namespace

Section lag_finding(const Lab& lab) {
  const Pair pair = make_signals();
  const signal::Lowering call = signal::lower_correlate(pair.late, pair.early);
  Outcome outcome = lab.run("Cross-correlation", call.problem, pair.late, pair.early, call.plan);
  const auto lags = signal::correlation_lags(length, length);
  const auto correlation = outcome.y.values<double>();
  const auto peak =
      static_cast<std::size_t>(std::ranges::max_element(correlation) - correlation.begin());
  const std::int64_t found = lags.at(peak);

  const double scale = std::sqrt(energy(pair.early) * energy(pair.late));
  Plot plot{.description = fmt::format("The cross-correlation of both signals over the lag, with a "
                                       "single sharp peak at lag {}.",
                                       found),
            .x = {.label = "lag in samples"},
            .y = {.label = "correlation"}};
  plot.aspect = 0.3;
  Curve curve{"cross-correlation, divided by both norms", 1, Stroke::solid, {}, {}};
  for (std::size_t i = 0; i < lags.size(); ++i) {
    curve.x.push_back(static_cast<double>(lags[i]));
    curve.y.push_back(correlation[i] / scale);
  }
  plot.curves.push_back(std::move(curve));
  plot.markers.push_back(
      {static_cast<double>(found), correlation[peak] / scale, fmt::format("lag {}", found), 2});

  Section section;
  section.id = "lag";
  section.title = "Finding a delay";
  section.text = fmt::format(
      "<p>Two microphones hear the same source, the second one {} samples later, and each adds "
      "noise "
      "as loud as the source. By eye the two recordings have little in common. Their "
      "cross-correlation peaks at lag <b>{}</b>{}.</p>",
      true_lag, found,
      found == static_cast<std::int64_t>(true_lag) ? ": the delay, found exactly"
                                                   : ", which is not the delay");
  section.code =
      "auto c    = faltung::signal::correlate(late, early);\n"
      "auto lags = faltung::signal::correlation_lags(2000, 2000);  // lags[argmax(c)] is the delay";
  section.body = plot_html(signal_plot("first microphone", 3, pair.early)) +
                 plot_html(signal_plot("second microphone", 4, pair.late)) + plot_html(plot);
  section.measurements.push_back(std::move(outcome.measurement));
  section.facts = {{"true_lag", true_lag}, {"found_lag", found}};
  return section;
}

}  // namespace faltung::tools::demo
