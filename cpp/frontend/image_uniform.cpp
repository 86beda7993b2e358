#include <algorithm>
#include <cmath>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/problem_rules.hpp"
#include "cpp/cpu/mean/window_mean.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

// The windows along one axis that has any.
struct Window {
  PassAxis where;
  std::int64_t size = 1;
};

// The mean of `size` elements. The alternatives differ in the last bits only:
// integers are summed exactly and the sum is scaled once; floating sums of the elements could
// overflow where their mean does not, so there the weights are scaled.
Line mean_line(const Window& window, DType x, DType y, Rounding rounding) {
  const double part = 1 / static_cast<double>(window.size);
  Line line{window.where, Tensor(f64, {window.size})};
  const bool whole = is_integer(x) || is_integer(y);
  for (double& tap : line.taps.values<double>()) tap = whole ? 1 : part;
  if (whole) line.alpha = part;
  // One step up, so that no rounding brings a whole mean below itself before it is truncated.
  // Exact for sums below 2^51: the next quotient is a distance of 1/size away.
  if (is_integer(y) && rounding == Rounding::truncate) line.alpha = std::nextafter(part, 2);
  return line;
}

std::vector<Window> windows_of(const UniformOptions& options, std::size_t rank) {
  const std::vector<std::size_t> axes = checked_axes(options.axes, rank);
  const auto sizes = options.size.expand("size", axes.size());
  const auto boundaries = options.boundary.expand("boundary", axes.size());
  const auto origins = options.origin.expand("origin", axes.size());
  std::vector<Window> windows;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (sizes[i] < 1) {
      throw InvalidProblem(message("size is ", sizes[i], " along axis ", axes[i],
                                   "; a window holds at least 1 element"));
    }
    check_origin(origins[i], sizes[i]);
    if (sizes[i] == 1) continue;
    windows.push_back({{axes[i], sizes[i] / 2 + origins[i], boundaries[i]}, sizes[i]});
  }
  return windows;
}

// Whether floating means are formed sooner by sums of blocks than by engines, which multiply by all
// taps, in rows. On a Zen 4 core the one takes as long whatever the size, the other is quicker up
// to 5 to 20 taps: the fewer the shorter the rows, and about 7 where its passes need an image
// between them so large that its memory is mapped anew by every call.
bool is_worth_it(const Shape& shape, DType y, const std::vector<Window>& windows) {
  constexpr std::int64_t small_image = 2048, short_row = 64, large_bytes = 1 << 25;
  const std::int64_t elements = element_count(shape), row = shape.back();
  if (elements <= small_image) return true;
  const bool maps =
      windows.size() > 1 && elements >= large_bytes / static_cast<std::int64_t>(size_of(y));
  const std::int64_t long_window = maps ? 7 : 16;
  return std::ranges::any_of(windows, [&](const Window& w) {
    return w.size >= long_window || w.size * (row + short_row) >= long_window * row;
  });
}

// Whether window_mean serves.
bool takes_window_mean(const ConstTensorView& x, const TensorView& y,
                       const std::vector<Window>& windows, const Call& call) {
  if (x.device.kind != DeviceKind::cpu || !call.run.engine.empty() || call.method == Method::fft ||
      !can_window_mean(x.dtype, y.dtype)) {
    return false;
  }
  return is_integer(x.dtype) || is_integer(y.dtype) ||
         is_worth_it(chosen_shape(call, y), y.dtype, windows);
}

// What engines check, too: that sums may be formed in the accumulator that is asked for.
void check_accumulator(DType x, DType y, const Call& call) {
  if (!call.accumulator) return;
  const SumTypes types = sum_types(x, y, false, std::nullopt, {}, call);
  rules::check_types(
      {.input = x, .filter = types.filter, .output = y, .accumulator = types.accumulator});
}

void check_window_means(const Steps& steps, const std::vector<Window>& windows, const Call& call) {
  const DType y = steps.y().dtype;
  rules::check_strides("x", steps.x(), false);
  rules::check_strides("y", steps.y(), true);
  DType input = steps.x().dtype;
  for (const Window& window : windows) {
    check_accumulator(input, y, call);
    rules::check_boundary(window.where.axis, "below", window.where.boundary, input);
    input = y;
  }
}

WindowMean mean_over(const Window& window, const Call& call) {
  return {.axis = window.where.axis,
          .size = window.size,
          .pad_lo = window.where.pad_lo,
          .boundary = window.where.boundary,
          .store = {call.store.overflow, call.store.rounding}};
}

Step mean_step(Place from, Place to, const WindowMean& mean, const Call& call) {
  Step step{.from = from, .to = to, .what = "mean of windows"};
  step.run = [mean, subnormals = subnormals_of(call.run)](
                 const ConstTensorView& x, const TensorView& y, const Stream&, const Workspace&) {
    const FloatEnvironment environment(subnormals);
    window_mean(x, y, mean);
  };
  return step;
}

// All passes but the first in place, which spares a second image, or through two images in turn.
void add_window_means(Steps& steps, const std::vector<Window>& windows, const Call& call) {
  check_window_means(steps, windows, call);
  std::vector<WindowMean> means;
  for (const Window& window : windows) means.push_back(mean_over(window, call));
  const bool in_place = std::all_of(means.begin() + 1, means.end(), [&](const WindowMean& mean) {
    return can_window_mean_in_place(steps.y(), mean);
  });
  Place from = Place::x;
  for (std::size_t i = 0; i < means.size(); ++i) {
    const Place between = i % 2 == 0 ? Place::first : Place::second;
    const Place to = in_place || i + 1 == means.size() ? Place::y : between;
    steps.add(mean_step(from, to, means[i], call));
    from = to;
  }
}

auto means(const UniformOptions& o) {
  return [&o](Steps& steps, const Call& call) {
    const DType x = steps.x().dtype, y = steps.y().dtype;
    const std::vector<Window> windows = windows_of(o, steps.x().shape.size());
    if (!windows.empty() && takes_window_mean(steps.x(), steps.y(), windows, call)) {
      return add_window_means(steps, windows, call);
    }
    std::vector<Line> lines;
    for (const Window& window : windows) {
      lines.push_back(mean_line(window, lines.empty() ? x : y, y, o.store.rounding));
    }
    add_lines(steps, Place::x, Place::y, lines, call);
  };
}

}  // namespace

void uniform(const ConstTensorView& x, const ResultView& y, const UniformOptions& options) {
  filter_into(x, y, options, means(options));
}
Tensor uniform(const ConstTensorView& x, const UniformOptions& options) {
  return filtered(x, options, means(options));
}
FilterPlan plan_uniform(const ConstTensorView& x, const UniformOptions& options) {
  return planned_filter(x, options, means(options));
}

}  // namespace faltung::image
