#include <utility>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

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

}  // namespace

FilterPass make_pass(Kind kind, const ConstTensorView& w, const std::vector<std::size_t>& axes,
                     const PerAxis<Boundary>& boundary, const PerAxis<std::int64_t>& origin) {
  check_filter(w, axes.size());
  const auto boundaries = boundary.expand("boundary", axes.size());
  const auto origins = origin.expand("origin", axes.size());
  FilterPass pass{.axes = {}, .w = w};
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

namespace {

auto one_pass(Kind kind, const ConstTensorView& w, const FilterOptions& o) {
  return [kind, &w, &o](Steps& steps, const Call& call) {
    const FilterPass pass =
        make_pass(kind, w, checked_axes(o.axes, steps.x().shape.size()), o.boundary, o.origin);
    steps.add(
        step_of(Place::x, Place::y, plan_pass(steps.x(), steps.y(), pass, call, Locality::any)));
  };
}

Lowering lower(Kind kind, const ConstTensorView& x, const ConstTensorView& w,
               const FilterOptions& o) {
  check_for_plan(o.run);
  check_execution(o.run, x.device);
  const FloatEnvironment environment;
  const Call call = make_call(o);
  const DType type = result_type(x.dtype, o.output, is_complex(w.dtype));
  const TensorView y{nullptr, type, x.shape, compact_strides(x.shape), x.device};
  check_call(x, y, o.output, call);
  LoweredPass pass = lower_pass(
      x, y, make_pass(kind, w, checked_axes(o.axes, x.shape.size()), o.boundary, o.origin), call,
      Locality::any);
  Lowering lowering{.problem = std::move(pass.problem),
                    .plan = std::move(pass.options),
                    .result_shape = x.shape,
                    .x = x,
                    .k = w,
                    .filter = std::move(pass.taps),
                    .names = {"x", "w", "y"},
                    .loops = {}};
  lowering.x.data = lowering.k.data = nullptr;
  return lowering;
}

FilterOptions along_axis(const Filter1dOptions& o) {
  return {.boundary = o.boundary,
          .origin = o.origin,
          .axes = {o.axis},
          .output = o.output,
          .accumulator = o.accumulator,
          .store = o.store,
          .method = o.method,
          .run = o.run,
          .chosen_for = o.chosen_for};
}

}  // namespace

void convolve(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
              const FilterOptions& options) {
  filter_into(x, y, options, one_pass(Kind::convolve, w, options));
}
Tensor convolve(const ConstTensorView& x, const ConstTensorView& w, const FilterOptions& options) {
  return filtered(x, options, one_pass(Kind::convolve, w, options), is_complex(w.dtype));
}
Lowering lower_convolve(const ConstTensorView& x, const ConstTensorView& w,
                        const FilterOptions& options) {
  return lower(Kind::convolve, x, w, options);
}

void correlate(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
               const FilterOptions& options) {
  filter_into(x, y, options, one_pass(Kind::correlate, w, options));
}
Tensor correlate(const ConstTensorView& x, const ConstTensorView& w, const FilterOptions& options) {
  return filtered(x, options, one_pass(Kind::correlate, w, options), is_complex(w.dtype));
}
Lowering lower_correlate(const ConstTensorView& x, const ConstTensorView& w,
                         const FilterOptions& options) {
  return lower(Kind::correlate, x, w, options);
}

void convolve1d(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                const Filter1dOptions& options) {
  convolve(x, w, y, along_axis(options));
}
Tensor convolve1d(const ConstTensorView& x, const ConstTensorView& w,
                  const Filter1dOptions& options) {
  return convolve(x, w, along_axis(options));
}
Lowering lower_convolve1d(const ConstTensorView& x, const ConstTensorView& w,
                          const Filter1dOptions& options) {
  return lower_convolve(x, w, along_axis(options));
}

void correlate1d(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                 const Filter1dOptions& options) {
  correlate(x, w, y, along_axis(options));
}
Tensor correlate1d(const ConstTensorView& x, const ConstTensorView& w,
                   const Filter1dOptions& options) {
  return correlate(x, w, along_axis(options));
}
Lowering lower_correlate1d(const ConstTensorView& x, const ConstTensorView& w,
                           const Filter1dOptions& options) {
  return lower_correlate(x, w, along_axis(options));
}

}  // namespace faltung::image
