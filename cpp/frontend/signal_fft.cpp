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
  return run_lowering(lower_fftconvolve(x, k, options), x, k, options.run);
}

Tensor oaconvolve(const ConstTensorView& x, const ConstTensorView& k,
                  const FftConvolveOptions& options) {
  return fftconvolve(x, k, options);
}

}  // namespace faltung::signal
