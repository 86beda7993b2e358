#include <algorithm>
#include <cmath>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/problem_rules.hpp"
#include "cpp/core/view_rules.hpp"
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
bool is_worth_it(const TensorView& y, const std::vector<Window>& windows) {
  constexpr std::int64_t small_image = 2048, short_row = 64, large_bytes = 1 << 25;
  const std::int64_t elements = element_count(y.shape), row = y.shape.back();
  if (elements <= small_image) return true;
  const bool maps =
      windows.size() > 1 && elements >= large_bytes / static_cast<std::int64_t>(size_of(y.dtype));
  const std::int64_t long_window = maps ? 7 : 16;
  return std::ranges::any_of(windows, [&](const Window& w) {
    return w.size >= long_window || w.size * (row + short_row) >= long_window * row;
  });
}

// Whether window_mean serves.
bool takes_window_mean(const ConstTensorView& x, const TensorView& y,
                       const std::vector<Window>& windows, const Call& call) {
  if (x.device.kind != DeviceKind::cpu || !call.engine.empty() || call.method == Method::fft ||
      !can_window_mean(x.dtype, y.dtype)) {
    return false;
  }
  return is_integer(x.dtype) || is_integer(y.dtype) || is_worth_it(y, windows);
}

// What engines check, too: that sums may be formed in the accumulator that is asked for.
void check_accumulator(DType x, DType y, const Call& call) {
  if (!call.accumulator) return;
  const SumTypes types = sum_types(x, y, false, std::nullopt, {}, call);
  rules::check_types(
      {.input = x, .filter = types.filter, .output = y, .accumulator = types.accumulator});
}

void check_window_means(const ConstTensorView& x, const TensorView& y,
                        const std::vector<Window>& windows, const Call& call) {
  rules::check_strides("x", x, false);
  rules::check_strides("y", y, true);
  check_view(x, {"x", x.dtype, x.shape, x.strides}, x.device);
  check_view(y, {"y", y.dtype, y.shape, y.strides}, x.device);
  DType input = x.dtype;
  for (const Window& window : windows) {
    check_accumulator(input, y.dtype, call);
    rules::check_boundary(window.where.axis, "below", window.where.boundary, input);
    input = y.dtype;
  }
}

WindowMean mean_over(const Window& window, const Call& call) {
  return {.axis = window.where.axis,
          .size = window.size,
          .pad_lo = window.where.pad_lo,
          .boundary = window.where.boundary,
          .store = {call.store.overflow, call.store.rounding}};
}

// All passes but the first in place, which spares a second image, or through two images in turn.
void run_window_means(const ConstTensorView& x, const TensorView& y,
                      const std::vector<Window>& windows, const Call& call) {
  check_window_means(x, y, windows, call);
  std::vector<WindowMean> means;
  for (const Window& window : windows) means.push_back(mean_over(window, call));
  const bool in_place = std::all_of(means.begin() + 1, means.end(), [&](const WindowMean& mean) {
    return can_window_mean_in_place(y, mean);
  });
  std::optional<Temporary> buffers[2];
  ConstTensorView from = x;
  for (std::size_t i = 0; i < means.size(); ++i) {
    TensorView to = y;
    if (!in_place && i + 1 < means.size()) {
      std::optional<Temporary>& buffer = buffers[i % 2];
      if (!buffer) buffer.emplace(y, call.stream);
      to = buffer->view();
    }
    window_mean(from, to, means[i]);
    from = to;
  }
}

}  // namespace

void uniform(const ConstTensorView& x, const TensorView& y, const UniformOptions& options,
             const Stream& stream) {
  const FloatEnvironment environment;
  const Call call = make_call(options, stream);
  check_call(x, y, options.output, call);
  const std::vector<Window> windows = windows_of(options, x.shape.size());
  if (!windows.empty() && takes_window_mean(x, y, windows, call)) {
    return run_window_means(x, y, windows, call);
  }
  std::vector<Line> lines;
  for (const Window& window : windows) {
    const DType input = lines.empty() ? x.dtype : y.dtype;
    lines.push_back(mean_line(window, input, y.dtype, options.store.rounding));
  }
  run_lines(x, y, lines, call);
}

Tensor uniform(const ConstTensorView& x, const UniformOptions& options) {
  Tensor y(result_type(x.dtype, options.output), x.shape, x.device);
  uniform(x, y, options, {x.device});
  return y;
}

}  // namespace faltung::image
