#include <memory>

#include <faltung/error.hpp>
#include <faltung/promotion.hpp>
#include <faltung/signal.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/image_pass.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

void check_taps(const ConstTensorView& taps, std::string_view name, const ConstTensorView& x) {
  check_operand(taps, name);
  if (taps.shape.size() != 1 || taps.shape[0] % 2 != 1) {
    throw InvalidProblem(message(name, " has shape ", taps.shape,
                                 "; it runs along one axis and is centred, so give it rank 1 and "
                                 "an odd number of taps"));
  }
  if (is_complex(taps.dtype) && !is_complex(x.dtype)) {
    throw InvalidProblem(message(name, " has complex type ", faltung::name(taps.dtype),
                                 ", x real type ", faltung::name(x.dtype),
                                 ", which is that of the result; convert x to c64 or c128"));
  }
}

DType checked_type(const ConstTensorView& x, const ConstTensorView& hrow,
                   const ConstTensorView& hcol, const Sepfir2dOptions& options) {
  check_execution(options.run, x.device);
  check_operand(x, "x");
  if (x.shape.size() != 2) {
    throw InvalidProblem(message("x has rank ", x.shape.size(), "; sepfir2d takes rank 2"));
  }
  check_taps(hrow, "hrow", x);
  check_taps(hcol, "hcol", x);
  return numpy_result_type(x.dtype, f32);
}

image::FilterPass along(std::size_t axis, const ConstTensorView& taps) {
  return {.axes = {{axis, taps.shape[0] / 2, Boundary::reflect()}}, .w = taps, .flip = true};
}

// Rows, then columns.
Steps make_steps(const ConstTensorView& x, const ConstTensorView& hrow, const ConstTensorView& hcol,
                 const TensorView& y, const Sepfir2dOptions& options) {
  const FloatEnvironment environment;
  const image::Call call{.method = options.method, .run = options.run};
  Steps steps(x, y);
  const TensorView between = steps.view(Place::first);
  const auto any = image::Locality::any;
  steps.add(step_of(Place::x, Place::first, plan_pass(x, between, along(1, hrow), call, any)));
  steps.add(step_of(Place::first, Place::y, plan_pass(between, y, along(0, hcol), call, any)));
  return steps;
}

}  // namespace

Tensor sepfir2d(const ConstTensorView& x, const ConstTensorView& hrow, const ConstTensorView& hcol,
                const Sepfir2dOptions& options) {
  const DType type = checked_type(x, hrow, hcol, options);
  Tensor y = new_tensor(type, x.shape, x.device, options.run);
  run_steps(make_steps(x, hrow, hcol, y, options), x, y, options.run);
  return y;
}

void sepfir2d(const ConstTensorView& x, const ConstTensorView& hrow, const ConstTensorView& hcol,
              const ResultView& y, const Sepfir2dOptions& options) {
  check_result(y, x.shape, checked_type(x, hrow, hcol, options));
  check_apart(y, "y", hrow, "hrow");
  check_apart(y, "y", hcol, "hcol");
  run_steps(make_steps(x, hrow, hcol, y, options), x, y, options.run);
}

FilterPlan plan_sepfir2d(const ConstTensorView& x, const ConstTensorView& hrow,
                         const ConstTensorView& hcol, const Sepfir2dOptions& options) {
  check_for_plan(options.run);
  const DType type = checked_type(x, hrow, hcol, options);
  check_on_cpu(hrow, "hrow");
  check_on_cpu(hcol, "hcol");
  const TensorView y{nullptr, type, x.shape, compact_strides(x.shape), x.device};
  return FilterPlan(std::make_shared<const FilterPlan::State>(
      FilterPlan::State{make_steps(x, hrow, hcol, y, options), options.run}));
}

}  // namespace faltung::signal
