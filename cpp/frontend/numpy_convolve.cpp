#include <faltung/error.hpp>
#include <faltung/numpy.hpp>
#include <faltung/promotion.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::numpy {
namespace {

template <typename Options>
Lowering lower_1d(const ConstTensorView& a, const ConstTensorView& v, const Options& options,
                  bool correlation, const TensorView* into = nullptr) {
  if (a.shape.size() != 1 || v.shape.size() != 1) {
    throw InvalidProblem(message("a has rank ", a.shape.size(), " and v rank ", v.shape.size(),
                                 "; NumPy's functions take rank 1, signal::convolve and "
                                 "signal::correlate any"));
  }
  Lowering lowering =
      signal::lower(a, v,
                    {.correlation = correlation,
                     .mode = options.mode,
                     .same = signal::Same::longest,
                     .sums = signal::sums_of(options, numpy_result_type(a.dtype, v.dtype)),
                     .into = into});
  lowering.plan = plan_options(lowering.problem, options.method, options.run);
  return lowering;
}

ConstTensorView at_least_1d(ConstTensorView view) {
  if (view.shape.empty() && view.strides.empty()) {
    view.shape = {1};
    view.strides = {1};
  }
  return view;
}

}  // namespace

Tensor convolve(const ConstTensorView& a, const ConstTensorView& v,
                const ConvolveOptions& options) {
  const ConstTensorView a1 = at_least_1d(a), v1 = at_least_1d(v);
  return signal::run_lowering(lower_1d(a1, v1, options, false), a1, v1, options.run);
}
void convolve(const ConstTensorView& a, const ConstTensorView& v, const ResultView& y,
              const ConvolveOptions& options) {
  const ConstTensorView a1 = at_least_1d(a), v1 = at_least_1d(v);
  const ConvolveOptions o = signal::with_output_of(y, options);
  signal::run_lowering_into(lower_1d(a1, v1, o, false, &y), a1, v1, y, o.run);
}
Lowering lower_convolve(const ConstTensorView& a, const ConstTensorView& v,
                        const ConvolveOptions& options) {
  check_for_plan(options.run);
  return lower_1d(a, v, options, false);
}

Tensor correlate(const ConstTensorView& a, const ConstTensorView& v,
                 const CorrelateOptions& options) {
  return signal::run_lowering(lower_1d(a, v, options, true), a, v, options.run);
}
void correlate(const ConstTensorView& a, const ConstTensorView& v, const ResultView& y,
               const CorrelateOptions& options) {
  const CorrelateOptions o = signal::with_output_of(y, options);
  signal::run_lowering_into(lower_1d(a, v, o, true, &y), a, v, y, o.run);
}
Lowering lower_correlate(const ConstTensorView& a, const ConstTensorView& v,
                         const CorrelateOptions& options) {
  check_for_plan(options.run);
  return lower_1d(a, v, options, true);
}

}  // namespace faltung::numpy
