#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace faltung::tools::demo {

/// How a curve is drawn. Colours are classes of the page's style sheet, so that plots follow its
/// light and dark modes.
enum class Stroke { solid, dashed, faint };

/// One line of a plot; where y is not finite the line is interrupted.
struct Curve {
  std::string label;  ///< in the legend; empty: not there
  int color = 1;      ///< 1 to 4, or 0 for gray
  Stroke stroke = Stroke::solid;
  std::vector<double> x;
  std::vector<double> y;
};

/// A filled band between two curves.
struct Band {
  std::string label;
  int color = 1;
  std::vector<double> x;
  std::vector<double> low;
  std::vector<double> high;
};

/// A point worth naming.
struct Marker {
  double x = 0;
  double y = 0;
  std::string label;
  int color = 2;
};

/// A picture behind the curves, over the whole plotting area.
struct Backdrop {
  std::string uri;
};

struct PlotAxis {
  std::string label;
  std::optional<double> low = std::nullopt;  ///< default: from the data
  std::optional<double> high = std::nullopt;
  /// Positions and texts; empty: round numbers.
  std::vector<std::pair<double, std::string>> ticks = {};
};

struct Plot {
  std::string description;  ///< for those who cannot see it
  PlotAxis x;
  PlotAxis y;
  std::vector<Band> bands = {};
  std::vector<Curve> curves = {};
  std::vector<Marker> markers = {};
  std::optional<Backdrop> backdrop = std::nullopt;
  double aspect = 0.38;  ///< height over width on a wide screen
};

/// The plot as HTML: a legend, and the SVG twice, for wide and for narrow screens, of which the
/// style sheet shows one. Text keeps a readable size on both.
[[nodiscard]] std::string plot_html(const Plot& plot);

/// At most `wanted` + 1 round numbers (1, 2 or 5 times a power of ten apart) within [low, high].
[[nodiscard]] std::vector<double> round_ticks(double low, double high, int wanted);

}  // namespace faltung::tools::demo
