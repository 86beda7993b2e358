#include <cmath>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

using Row = std::initializer_list<double>;
constexpr Row difference = {-1, 0, 1};
constexpr Row sobel_smoothing = {1, 2, 1};
constexpr Row prewitt_smoothing = {1, 1, 1};

// `difference` along one axis, then `smoothing` along all others.
std::vector<Line> derivative_lines(std::size_t axis, Row smoothing,
                                   const std::vector<Boundary>& boundary) {
  std::vector<Line> lines;
  lines.push_back(centred_line(axis, difference, boundary[axis]));
  for (std::size_t i = 0; i < boundary.size(); ++i) {
    if (i != axis) lines.push_back(centred_line(i, smoothing, boundary[i]));
  }
  return lines;
}

void derivative(Row smoothing, const ConstTensorView& x, const TensorView& y,
                const DerivativeOptions& o, const Stream& stream) {
  const Call call = make_call(o, stream);
  check_call(x, y, o.output, call);
  const std::size_t rank = x.shape.size();
  run_lines(
      x, y,
      derivative_lines(checked_axis(o.axis, rank), smoothing, o.boundary.expand("boundary", rank)),
      call);
}

void magnitude(Row smoothing, const ConstTensorView& x, const TensorView& y, const SumOptions& o,
               const Stream& stream) {
  const Call call = make_call(o, stream);
  check_call(x, y, o.output, call);
  const std::size_t rank = x.shape.size();
  std::vector<std::vector<Line>> terms;
  for (const std::size_t axis : checked_axes(o.axes, rank)) {
    terms.push_back(derivative_lines(axis, smoothing, o.boundary.expand("boundary", rank)));
  }
  run_magnitude(x, y, terms, call);
}

// The mean of `size` elements. The alternatives differ in the last bits only:
// integers are summed exactly and the sum is scaled once; floating sums of the elements could
// overflow where their mean does not, so there the weights are scaled.
Line mean_line(std::size_t axis, std::int64_t size, std::int64_t origin, const Boundary& boundary,
               DType x, DType y, Rounding rounding) {
  const double part = 1 / static_cast<double>(size);
  Line line{{axis, size / 2 + origin, boundary}, Tensor(f64, {size})};
  const bool whole = is_integer(x) || is_integer(y);
  for (double& tap : line.taps.values<double>()) tap = whole ? 1 : part;
  if (whole) line.alpha = part;
  // One step up, so that no rounding brings a whole mean below itself before it is truncated.
  // Exact for sums below 2^51: the next quotient is a distance of 1/size away.
  if (is_integer(y) && rounding == Rounding::truncate) line.alpha = std::nextafter(part, 2);
  return line;
}

}  // namespace

void uniform(const ConstTensorView& x, const TensorView& y, const UniformOptions& options,
             const Stream& stream) {
  const Call call = make_call(options, stream);
  check_call(x, y, options.output, call);
  const std::vector<std::size_t> axes = checked_axes(options.axes, x.shape.size());
  const auto sizes = options.size.expand("size", axes.size());
  const auto boundaries = options.boundary.expand("boundary", axes.size());
  const auto origins = options.origin.expand("origin", axes.size());
  std::vector<Line> lines;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (sizes[i] < 1) {
      throw InvalidProblem(message("size is ", sizes[i], " along axis ", axes[i],
                                   "; a window holds at least 1 element"));
    }
    check_origin(origins[i], sizes[i]);
    if (sizes[i] == 1) continue;
    const DType input = lines.empty() ? x.dtype : y.dtype;
    lines.push_back(mean_line(axes[i], sizes[i], origins[i], boundaries[i], input, y.dtype,
                              options.store.rounding));
  }
  run_lines(x, y, lines, call);
}

Tensor uniform(const ConstTensorView& x, const UniformOptions& options) {
  Tensor y(result_type(x.dtype, options.output), x.shape, x.device);
  uniform(x, y, options, {x.device});
  return y;
}

void sobel(const ConstTensorView& x, const TensorView& y, const DerivativeOptions& options,
           const Stream& stream) {
  derivative(sobel_smoothing, x, y, options, stream);
}

Tensor sobel(const ConstTensorView& x, const DerivativeOptions& options) {
  Tensor y(result_type(x.dtype, options.output), x.shape, x.device);
  derivative(sobel_smoothing, x, y, options, {x.device});
  return y;
}

void prewitt(const ConstTensorView& x, const TensorView& y, const DerivativeOptions& options,
             const Stream& stream) {
  derivative(prewitt_smoothing, x, y, options, stream);
}

Tensor prewitt(const ConstTensorView& x, const DerivativeOptions& options) {
  Tensor y(result_type(x.dtype, options.output), x.shape, x.device);
  derivative(prewitt_smoothing, x, y, options, {x.device});
  return y;
}

void laplace(const ConstTensorView& x, const TensorView& y, const SumOptions& options,
             const Stream& stream) {
  const Call call = make_call(options, stream);
  check_call(x, y, options.output, call);
  const std::vector<std::size_t> axes = checked_axes(options.axes, x.shape.size());
  const auto boundaries = options.boundary.expand("boundary", axes.size());
  std::vector<std::vector<Line>> terms(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    terms[i].push_back(centred_line(axes[i], {1, -2, 1}, boundaries[i]));
  }
  run_terms(x, y, terms, call);
}

Tensor laplace(const ConstTensorView& x, const SumOptions& options) {
  Tensor y(result_type(x.dtype, options.output), x.shape, x.device);
  laplace(x, y, options, {x.device});
  return y;
}

void sobel_magnitude(const ConstTensorView& x, const TensorView& y, const SumOptions& options,
                     const Stream& stream) {
  magnitude(sobel_smoothing, x, y, options, stream);
}

Tensor sobel_magnitude(const ConstTensorView& x, const SumOptions& options) {
  Tensor y(result_type(x.dtype, options.output), x.shape, x.device);
  magnitude(sobel_smoothing, x, y, options, {x.device});
  return y;
}

void prewitt_magnitude(const ConstTensorView& x, const TensorView& y, const SumOptions& options,
                       const Stream& stream) {
  magnitude(prewitt_smoothing, x, y, options, stream);
}

Tensor prewitt_magnitude(const ConstTensorView& x, const SumOptions& options) {
  Tensor y(result_type(x.dtype, options.output), x.shape, x.device);
  magnitude(prewitt_smoothing, x, y, options, {x.device});
  return y;
}

}  // namespace faltung::image
