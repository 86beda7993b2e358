#include <algorithm>

#include <faltung/promotion.hpp>
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

bool is_empty(const ConstTensorView& view) { return element_count(view.shape) == 0; }

// Sums without terms.
Tensor zeros_2d(const ConstTensorView& x, const ConstTensorView& k,
                const Convolve2dOptions& options, DType output) {
  Shape shape;
  for (std::size_t i = 0; i < 2; ++i) {
    shape.push_back(
        std::max<std::int64_t>(0, mode_window(options.mode, x.shape[i], k.shape[i]).count));
  }
  return new_zeros(output, shape, x.device, options.run);
}

Tensor run_2d(const ConstTensorView& x, const ConstTensorView& k, const Convolve2dOptions& options,
              Lowering (*lower_call)(const ConstTensorView&, const ConstTensorView&,
                                     const Convolve2dOptions&)) {
  check_execution(options.run, x.device);
  check_operands(x, k);
  check_rank_2(x, k);
  const DType output = options.output.value_or(numpy_result_type(x.dtype, k.dtype));
  if (is_empty(x) || is_empty(k)) return zeros_2d(x, k, options, output);
  Tensor storage;
  const ConstTensorView operand =
      operand_for_constant(x, options.boundary, output, options.run, storage);
  return run_lowering(lower_call(operand, k, options), operand, k, options.run);
}

}  // namespace

Tensor convolve2d(const ConstTensorView& x, const ConstTensorView& k,
                  const Convolve2dOptions& options) {
  return run_2d(x, k, options, lower_convolve2d);
}

Tensor correlate2d(const ConstTensorView& x, const ConstTensorView& k,
                   const Convolve2dOptions& options) {
  return run_2d(x, k, options, lower_correlate2d);
}

}  // namespace faltung::signal
