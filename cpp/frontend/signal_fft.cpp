#include <algorithm>

#include <faltung/promotion.hpp>
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

// Where an operand is empty along a convolved axis, so is the result.
Shape fft_shape(const ConstTensorView& x, const ConstTensorView& k,
                const FftConvolveOptions& options) {
  const std::vector<bool> convolved = convolved_axes(options.axes, x.shape.size());
  Shape shape;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const std::int64_t n = x.shape[i], m = k.shape[i];
    if (!convolved.empty() && !convolved[i]) {
      shape.push_back(broadcast_extent(n, m, i));
    } else {
      shape.push_back(n == 0 || m == 0 ? 0 : mode_window(options.mode, n, m).count);
    }
  }
  return shape;
}

Lowering lower_fft(const ConstTensorView& x, const ConstTensorView& k,
                   const FftConvolveOptions& options, const TensorView* into) {
  check_operands(x, k);
  Lowering lowering = lower(x, k,
                            {.mode = options.mode,
                             .convolved = convolved_axes(options.axes, x.shape.size()),
                             .sums = sums_of(options, fft_result_type(x.dtype, k.dtype)),
                             .into = into});
  // An engine by name may be of another family: the sums are the same.
  const Method method = options.run.engine.empty() ? Method::fft : Method::automatic;
  lowering.plan = plan_options(lowering.problem, method, options.run);
  return lowering;
}

}  // namespace

Tensor fftconvolve(const ConstTensorView& x, const ConstTensorView& k,
                   const FftConvolveOptions& options) {
  check_execution(options.run, x.device);
  check_operands(x, k);
  const Shape shape = fft_shape(x, k, options);
  if (element_count(shape) == 0) {
    return new_tensor(options.output.value_or(fft_result_type(x.dtype, k.dtype)), shape, x.device,
                      options.run);
  }
  return run_lowering(lower_fft(x, k, options, nullptr), x, k, options.run);
}

void fftconvolve(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                 const FftConvolveOptions& options) {
  const FftConvolveOptions o = with_output_of(y, options);
  check_execution(o.run, x.device);
  check_operands(x, k);
  const Shape shape = fft_shape(x, k, o);
  if (element_count(shape) == 0) return check_result(y, shape);
  run_lowering_into(lower_fft(x, k, o, &y), x, k, y, o.run);
}

Lowering lower_fftconvolve(const ConstTensorView& x, const ConstTensorView& k,
                           const FftConvolveOptions& options) {
  check_for_plan(options.run);
  return lower_fft(x, k, options, nullptr);
}

Tensor oaconvolve(const ConstTensorView& x, const ConstTensorView& k,
                  const FftConvolveOptions& options) {
  return fftconvolve(x, k, options);
}
void oaconvolve(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                const FftConvolveOptions& options) {
  fftconvolve(x, k, y, options);
}
Lowering lower_oaconvolve(const ConstTensorView& x, const ConstTensorView& k,
                          const FftConvolveOptions& options) {
  return lower_fftconvolve(x, k, options);
}

}  // namespace faltung::signal
