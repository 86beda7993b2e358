#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

enum class Kind { convolve, correlate };

void check_filter(const ConstTensorView& w, std::size_t axes) {
  if (w.shape.size() != axes) {
    throw InvalidProblem(message("w has ", w.shape.size(), " axes (", w.shape, ") for ", axes,
                                 " filtered axes of x; give w one axis for each, or list fewer in "
                                 "`axes`"));
  }
  if (w.strides.size() != axes) {
    throw InvalidProblem(message("w of shape ", w.shape, " has ", w.strides.size(),
                                 " strides; give one stride per axis"));
  }
  if (element_count(w.shape) == 0) {
    throw InvalidProblem(message("w has shape ", w.shape, ", but a filter needs at least one tap"));
  }
}

Pass make_pass(Kind kind, const ConstTensorView& w, const std::vector<std::size_t>& axes,
               const PerAxis<Boundary>& boundary, const PerAxis<std::int64_t>& origin) {
  check_filter(w, axes.size());
  const auto boundaries = boundary.expand("boundary", axes.size());
  const auto origins = origin.expand("origin", axes.size());
  Pass pass{.axes = {}, .w = w};
  pass.flip = kind == Kind::convolve;
  pass.conjugate = kind == Kind::correlate && is_complex(w.dtype);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t taps = w.shape[i];
    check_origin(origins[i], taps);
    const std::int64_t pad_lo =
        kind == Kind::correlate ? taps / 2 + origins[i] : (taps - 1) / 2 - origins[i];
    pass.axes.push_back({axes[i], pad_lo, boundaries[i]});
  }
  return pass;
}

void filter(Kind kind, const ConstTensorView& x, const ConstTensorView& w, const TensorView& y,
            const FilterOptions& o, const Stream& stream) {
  const FloatEnvironment environment;
  const Call call = make_call(o, stream);
  check_call(x, y, o.output, call);
  run_pass(x, y, make_pass(kind, w, checked_axes(o.axes, x.shape.size()), o.boundary, o.origin),
           call);
}

FilterOptions along_axis(const Filter1dOptions& o) {
  return {.boundary = o.boundary,
          .origin = o.origin,
          .axes = {o.axis},
          .output = o.output,
          .accumulator = o.accumulator,
          .store = o.store,
          .method = o.method,
          .engine = o.engine};
}

}  // namespace

void convolve(const ConstTensorView& x, const ConstTensorView& w, const TensorView& y,
              const FilterOptions& options, const Stream& stream) {
  filter(Kind::convolve, x, w, y, options, stream);
}

Tensor convolve(const ConstTensorView& x, const ConstTensorView& w, const FilterOptions& options) {
  Tensor y(result_type(x.dtype, options.output, is_complex(w.dtype)), x.shape, x.device);
  filter(Kind::convolve, x, w, y, options, {x.device});
  return y;
}

void correlate(const ConstTensorView& x, const ConstTensorView& w, const TensorView& y,
               const FilterOptions& options, const Stream& stream) {
  filter(Kind::correlate, x, w, y, options, stream);
}

Tensor correlate(const ConstTensorView& x, const ConstTensorView& w, const FilterOptions& options) {
  Tensor y(result_type(x.dtype, options.output, is_complex(w.dtype)), x.shape, x.device);
  filter(Kind::correlate, x, w, y, options, {x.device});
  return y;
}

void convolve1d(const ConstTensorView& x, const ConstTensorView& w, const TensorView& y,
                const Filter1dOptions& options, const Stream& stream) {
  convolve(x, w, y, along_axis(options), stream);
}

Tensor convolve1d(const ConstTensorView& x, const ConstTensorView& w,
                  const Filter1dOptions& options) {
  return convolve(x, w, along_axis(options));
}

void correlate1d(const ConstTensorView& x, const ConstTensorView& w, const TensorView& y,
                 const Filter1dOptions& options, const Stream& stream) {
  correlate(x, w, y, along_axis(options), stream);
}

Tensor correlate1d(const ConstTensorView& x, const ConstTensorView& w,
                   const Filter1dOptions& options) {
  return correlate(x, w, along_axis(options));
}

}  // namespace faltung::image
