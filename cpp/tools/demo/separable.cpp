#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <faltung/filters.hpp>
#include "cpp/tools/demo/compare.hpp"
#include "cpp/tools/demo/html.hpp"
#include "cpp/tools/demo/sections.hpp"

namespace faltung::tools::demo {
namespace {

constexpr double blur_sigma = 5;

/// One measured way to the same picture.
struct Way {
  std::string label;
  double seconds = 0;
};

Problem filter_problem(const Tensor& planes, std::int64_t rows, std::int64_t columns) {
  return Problem::parse(fmt::format("op=filter dtype=f32 in={}x{} f={}x{} boundary=reflect",
                                    planes.shape()[1], planes.shape()[2], rows, columns));
}

/// Bars as long as the times, on a logarithmic scale from a third of the shortest.
std::string bars(std::span<const Way> ways) {
  const auto [shortest, longest] = std::ranges::minmax(ways, {}, &Way::seconds);
  const double start = shortest.seconds / 3;
  std::string html = "<div class=\"bars\">\n";
  for (const Way& way : ways) {
    const double share = std::log(way.seconds / start) / std::log(longest.seconds / start);
    html +=
        fmt::format("<span>{}</span><div><i class=\"c{}\" style=\"width:{:.1f}%\"></i>{}</div>\n",
                    escape(way.label), way.seconds == shortest.seconds ? 3 : 0, 80 * share,
                    duration(way.seconds));
  }
  return html + "</div>\n";
}

/// Engines other than the reference that can do the dense problem, the planner's choice first.
std::vector<std::string> dense_engines(const Plan& plan) {
  std::vector<std::string> names{plan.engine()};
  for (const Candidate& candidate : candidates(plan.problem(), plan.device())) {
    const bool timed = candidate.supported && candidate.engine != "cpu.reference";
    if (timed && candidate.engine != names.front()) names.push_back(candidate.engine);
  }
  return names;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  double result = 0;
  for (std::size_t i = 0; i < a.values<float>().size(); ++i) {
    result = std::max<double>(result, std::abs(a.values<float>()[i] - b.values<float>()[i]));
  }
  return result;
}

}  // namespace

Section separable(const Lab& lab, const Photo& photo) {
  const Tensor taps = compact_copy(filters::gaussian_1d(blur_sigma), f32);
  const std::int64_t size = taps.size();
  const Tensor square =
      compact_copy(filters::outer(std::vector<ConstTensorView>{taps.view(), taps.view()}), f32);

  const Problem dense = filter_problem(photo.gray, size, size);
  Section section;
  std::vector<Way> ways;
  Tensor whole;
  for (const std::string& engine : dense_engines(lab.plan(dense))) {
    const PlanOptions options{.engine = ways.empty() ? "" : engine};
    Outcome outcome =
        lab.run(fmt::format("Dense, {0} × {0}", size), dense, photo.gray, square, options);
    ways.push_back({"dense, " + engine, outcome.measurement.seconds});
    if (ways.size() == 1) whole = std::move(outcome.y);
    section.measurements.push_back(std::move(outcome.measurement));
  }

  // Without FFT, so that every pixel of both passes has a bound of its own.
  const PlanOptions options{.elementwise = true};
  const Problem columns = filter_problem(photo.gray, size, 1);
  const Problem rows = filter_problem(photo.gray, 1, size);
  Outcome down = lab.run(fmt::format("Columns, {} × 1", size), columns, photo.gray, taps, options);
  Outcome across = lab.run(fmt::format("Rows, 1 × {}", size), rows, down.y, taps, options);
  const double both = down.measurement.seconds + across.measurement.seconds;
  ways.push_back({"two passes", both});

  // Pixels and taps are not negative, so |x| * |w| is the result and relative errors multiply: of
  // the first pass, its stored result, the second pass, and the rounding of the dense taps.
  const double u = unit_roundoff(f32);
  const ErrorBound bound{ErrorBound::Kind::elementwise,
                         (1 + lab.plan(columns, options).error_bound().constant + u) *
                                 (1 + lab.plan(rows, options).error_bound().constant) * (1 + u) -
                             1};
  const Comparison against = compare_with_reference(dense, bound, photo.gray, square, across.y);
  const double levels = 255 * largest_difference(whole, across.y);

  section.id = "separable";
  section.title = "Separable against dense";
  const Way& fastest = *std::ranges::min_element(ways, {}, &Way::seconds);
  section.text = fmt::format(
      "<p>A two-dimensional Gaussian is one along the columns followed by one along the rows: {0} "
      "+ "
      "{0} products per pixel instead of {0} × {0} = {1}, for the same picture. With σ = {2} "
      "pixels "
      "no pixel differs by more than {3:.1g} of 255 gray levels, and against the dense definition "
      "the two passes stay within {4:.2g} of what their bounds together allow ({5}). Fastest here: "
      "<b>{6}</b>, {7}.</p>",
      size, size * size, blur_sigma, levels, against.error_over_bound, against.scope,
      escape(fastest.label), duration(fastest.seconds));
  section.code = fmt::format(
      "auto y = faltung::image::gaussian(gray, {{.sigma = {0}}});            // two passes\n"
      "auto z = faltung::image::convolve(gray, faltung::filters::gaussian({0}));  // one, dense",
      blur_sigma);
  section.body = "<h3>Time on this machine, shorter is better (logarithmic)</h3>\n" + bars(ways);
  section.measurements.push_back(std::move(down.measurement));
  section.measurements.push_back(std::move(across.measurement));
  section.facts = {{"levels", levels},
                   {"error_over_bound", against.error_over_bound},
                   {"dense_seconds", ways.front().seconds},
                   {"separable_seconds", both}};
  return section;
}

}  // namespace faltung::tools::demo
