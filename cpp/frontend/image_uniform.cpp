#include <algorithm>
#include <cmath>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/cpu/window_mean.hpp"
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

// Whether sums of blocks serve, and are worth it: engines multiply integers in f64, and floating
// data by all taps, at about 0.06 ns each.
bool takes_blocks(const ConstTensorView& x, const TensorView& y, const std::vector<Window>& windows,
                  const Call& call) {
  constexpr std::int64_t worth_it = 32;
  // Beyond, a slip of units would keep the caller waiting; an engine says that memory runs out.
  constexpr std::int64_t longest = std::int64_t{1} << 30;
  if (x.device.kind != DeviceKind::cpu || !call.engine.empty() || call.method == Method::fft ||
      !can_window_mean(x, y)) {
    return false;
  }
  const bool whole = is_integer(x.dtype) || is_integer(y.dtype);
  return std::ranges::all_of(windows,
                             [](const Window& window) {
                               const Boundary& b = window.where.boundary;
                               return window.size <= longest &&
                                      (b.kind != BoundaryKind::constant || b.value == 0.0);
                             }) &&
         (whole || std::ranges::any_of(
                       windows, [](const Window& window) { return window.size >= worth_it; }));
}

void run_blocks(const ConstTensorView& x, const TensorView& y, const std::vector<Window>& windows,
                const Call& call) {
  std::optional<Temporary> buffers[2];
  ConstTensorView from = x;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    TensorView to = y;
    if (i + 1 < windows.size()) {
      std::optional<Temporary>& buffer = buffers[i % 2];
      if (!buffer) buffer.emplace(y, call.stream);
      to = buffer->view();
    }
    const PassAxis& where = windows[i].where;
    const bool zeros = where.boundary.kind == BoundaryKind::constant;
    window_mean(from, to,
                {.axis = where.axis,
                 .size = windows[i].size,
                 .pad_lo = where.pad_lo,
                 .boundary = zeros ? BoundaryKind::zero : where.boundary.kind,
                 .store = {call.store.overflow, call.store.rounding}});
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
  if (!windows.empty() && takes_blocks(x, y, windows, call)) {
    return run_blocks(x, y, windows, call);
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
