#include <vector>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include "cpp/core/float_environment.hpp"
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
  const FloatEnvironment environment;
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
  const FloatEnvironment environment;
  const Call call = make_call(o, stream);
  check_call(x, y, o.output, call);
  const std::size_t rank = x.shape.size();
  std::vector<std::vector<Line>> terms;
  for (const std::size_t axis : checked_axes(o.axes, rank)) {
    terms.push_back(derivative_lines(axis, smoothing, o.boundary.expand("boundary", rank)));
  }
  run_magnitude(x, y, terms, call);
}

}  // namespace

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
  const FloatEnvironment environment;
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
