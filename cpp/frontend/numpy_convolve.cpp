#include <faltung/error.hpp>
#include <faltung/numpy.hpp>
#include <faltung/promotion.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::numpy {
namespace {

using signal::Lowering;

template <typename Options>
Lowering lower_1d(const ConstTensorView& a, const ConstTensorView& v, const Options& options,
                  bool correlation) {
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
                     .sums = signal::sums_of(options, numpy_result_type(a.dtype, v.dtype))});
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

Lowering lower_convolve(const ConstTensorView& a, const ConstTensorView& v,
                        const ConvolveOptions& options) {
  return lower_1d(a, v, options, false);
}

Lowering lower_correlate(const ConstTensorView& a, const ConstTensorView& v,
                         const CorrelateOptions& options) {
  return lower_1d(a, v, options, true);
}

Tensor convolve(const ConstTensorView& a, const ConstTensorView& v,
                const ConvolveOptions& options) {
  const ConstTensorView a1 = at_least_1d(a), v1 = at_least_1d(v);
  return signal::run_lowering(lower_convolve(a1, v1, options), a1, v1, options.run);
}

Tensor correlate(const ConstTensorView& a, const ConstTensorView& v,
                 const CorrelateOptions& options) {
  return signal::run_lowering(lower_correlate(a, v, options), a, v, options.run);
}

}  // namespace faltung::numpy
