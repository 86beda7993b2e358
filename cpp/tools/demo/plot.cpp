#include "cpp/tools/demo/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpp/tools/demo/html.hpp"

namespace faltung::tools::demo {
namespace {

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void cover(const std::vector<double>& values) {
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
};

/// The range of one axis: what is asked for, else what the data cover, `slack` of it added.
Range settle(const PlotAxis& axis, Range data, double slack) {
  if (!(data.low <= data.high)) data = {0, 1};
  if (data.low == data.high) data = {data.low - 1, data.high + 1};
  const double margin = slack * (data.high - data.low);
  return {axis.low.value_or(data.low - margin), axis.high.value_or(data.high + margin)};
}

/// One rendering of a plot for one size of screen.
class Drawing {
 public:
  Drawing(const Plot& plot, double width, double height, const char* screen)
      : plot_(plot), width_(width), height_(height) {
    Range x;
    Range y;
    for (const Band& band : plot.bands) {
      x.cover(band.x);
      y.cover(band.low);
      y.cover(band.high);
    }
    for (const Curve& curve : plot.curves) {
      x.cover(curve.x);
      y.cover(curve.y);
    }
    for (const Marker& marker : plot.markers) y.cover({marker.y});
    x_ = settle(plot.x, x, 0);
    y_ = settle(plot.y, y, 0.06);
    svg_ = fmt::format("<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n",
                       screen, width_, height_, escape(plot.description));
  }

  std::string finish() {
    if (plot_.backdrop) {
      svg_ += fmt::format(
          "<image href=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" "
          "preserveAspectRatio=\"none\"/>\n",
          plot_.backdrop->uri, left_, top_, right() - left_, bottom() - top_);
    }
    axes();
    for (const Band& band : plot_.bands) fill(band);
    for (const Curve& curve : plot_.curves) stroke(curve);
    for (const Marker& marker : plot_.markers) mark(marker);
    return svg_ + "</svg>\n";
  }

 private:
  static constexpr double left_ = 58;
  static constexpr double top_ = 10;
  [[nodiscard]] double right() const { return width_ - 12; }
  [[nodiscard]] double bottom() const { return height_ - 44; }
  [[nodiscard]] double px(double x) const {
    return left_ + (x - x_.low) / (x_.high - x_.low) * (right() - left_);
  }
  [[nodiscard]] double py(double y) const {
    return bottom() - (y - y_.low) / (y_.high - y_.low) * (bottom() - top_);
  }

  void text(double x, double y, const char* style, const std::string& content) {
    svg_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\">{}</text>\n", x, y, style,
                        escape(content));
  }

  static std::vector<std::pair<double, std::string>> ticks(const PlotAxis& axis, const Range& range,
                                                           int wanted) {
    if (!axis.ticks.empty()) return axis.ticks;
    std::vector<std::pair<double, std::string>> result;
    for (const double value : round_ticks(range.low, range.high, wanted)) {
      std::string label = fmt::format("{:.6g}", value);
      if (label[0] == '-') label.replace(0, 1, "\u2212");
      result.emplace_back(value, label);
    }
    return result;
  }

  void axes() {
    const bool over_picture = plot_.backdrop.has_value();
    for (const auto& [value, label] : ticks(plot_.y, y_, height_ < 200 ? 3 : 5)) {
      if (value < y_.low || value > y_.high) continue;
      if (!over_picture) line(left_, py(value), right(), py(value), "grid");
      text(left_ - 8, py(value) + 4.5, "tick end", label);
    }
    for (const auto& [value, label] : ticks(plot_.x, x_, width_ < 500 ? 4 : 8)) {
      if (value < x_.low || value > x_.high) continue;
      line(px(value), bottom(), px(value), bottom() + 5, "axis");
      text(px(value), bottom() + 20, "tick middle", label);
    }
    line(left_, bottom(), right(), bottom(), "axis");
    text((left_ + right()) / 2, height_ - 6, "label middle", plot_.x.label);
    const double middle = (top_ + bottom()) / 2;
    svg_ += fmt::format(
        "<text class=\"label middle\" transform=\"translate(14 {:.1f}) rotate(-90)\">{}</text>\n",
        middle, escape(plot_.y.label));
  }

  void line(double x1, double y1, double x2, double y2, const char* style) {
    svg_ += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x1, y1,
        x2, y2, style);
  }

  void fill(const Band& band) {
    svg_ += fmt::format("<path class=\"band c{}\" d=\"", band.color);
    for (std::size_t i = 0; i < band.x.size(); ++i) {
      svg_ += fmt::format("{}{:.1f} {:.1f}", i == 0 ? 'M' : 'L', px(band.x[i]), py(band.high[i]));
    }
    for (std::size_t i = band.x.size(); i-- > 0;) {
      svg_ += fmt::format("L{:.1f} {:.1f}", px(band.x[i]), py(band.low[i]));
    }
    svg_ += "Z\"/>\n";
  }

  void stroke(const Curve& curve) {
    static constexpr const char* styles[] = {"", " dashed", " faint"};
    svg_ += fmt::format("<path class=\"curve c{}{}\" d=\"", curve.color,
                        styles[static_cast<int>(curve.stroke)]);
    bool pen_down = false;
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (std::isfinite(curve.y[i])) {
        svg_ +=
            fmt::format("{}{:.1f} {:.1f}", pen_down ? 'L' : 'M', px(curve.x[i]), py(curve.y[i]));
      }
      pen_down = std::isfinite(curve.y[i]);
    }
    svg_ += "\"/>\n";
  }

  void mark(const Marker& marker) {
    const double x = px(marker.x);
    const double y = py(marker.y);
    // Text goes where there is room.
    const bool to_left = x > (left_ + right()) / 2;
    svg_ += fmt::format("<circle class=\"marker c{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"/>\n",
                        marker.color, x, y);
    text(x + (to_left ? -11 : 11), std::max(y + 5, top_ + 14), to_left ? "note end" : "note",
         marker.label);
  }

  const Plot& plot_;
  double width_;
  double height_;
  Range x_;
  Range y_;
  std::string svg_;
};

std::string legend(const Plot& plot) {
  std::string items;
  for (const Band& band : plot.bands) {
    if (band.label.empty()) continue;
    items += fmt::format("<li><i class=\"c{}\"></i>{}</li>", band.color, escape(band.label));
  }
  for (const Curve& curve : plot.curves) {
    if (curve.label.empty()) continue;
    items += fmt::format("<li><i class=\"c{}{}\"></i>{}</li>", curve.color,
                         curve.stroke == Stroke::dashed ? " dashed" : "", escape(curve.label));
  }
  return items.empty() ? "" : "<ul class=\"legend\">" + items + "</ul>\n";
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int wanted) {
  const double raw = (high - low) / wanted;
  if (!(raw > 0) || !std::isfinite(raw)) return {low};
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double lead = raw / power;
  const double step = power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
  std::vector<double> result;
  // Multiples of the step, so that zero is exactly zero.
  for (double i = std::ceil(low / step); i * step <= high; ++i) result.push_back(i * step + 0.0);
  return result;
}

std::string plot_html(const Plot& plot) {
  constexpr double wide = 860;
  constexpr double narrow = 400;
  const double narrow_height = std::clamp(narrow * plot.aspect * 1.7, 150.0, 300.0);
  return "<div class=\"plot\">\n" + legend(plot) +
         Drawing(plot, wide, wide * plot.aspect, "wide").finish() +
         Drawing(plot, narrow, narrow_height, "narrow").finish() + "</div>\n";
}

}  // namespace faltung::tools::demo
