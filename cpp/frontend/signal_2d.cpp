#include <algorithm>

#include <faltung/promotion.hpp>
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

bool is_empty(const ConstTensorView& view) { return element_count(view.shape) == 0; }

// Of sums without terms.
Shape shape_of_zeros(const ConstTensorView& x, const ConstTensorView& k, Mode mode) {
  Shape shape;
  for (std::size_t i = 0; i < 2; ++i) {
    shape.push_back(std::max<std::int64_t>(0, mode_window(mode, x.shape[i], k.shape[i]).count));
  }
  return shape;
}

DType output_of(const ConstTensorView& x, const ConstTensorView& k,
                const Convolve2dOptions& options) {
  return options.output.value_or(numpy_result_type(x.dtype, k.dtype));
}

void check(const ConstTensorView& x, const ConstTensorView& k, const Convolve2dOptions& options) {
  check_execution(options.run, x.device);
  check_operands(x, k);
  check_rank_2(x, k);
}

Lowering lower_2d(const ConstTensorView& x, const ConstTensorView& k,
                  const Convolve2dOptions& options, bool correlation, const TensorView* into) {
  check_rank_2(x, k);
  Lowering lowering = lower(x, k,
                            {.correlation = correlation,
                             .mode = options.mode,
                             .same = correlation ? Same::first_from_half : Same::first,
                             .boundary = options.boundary,
                             .sums = sums_of(options, numpy_result_type(x.dtype, k.dtype)),
                             .into = into});
  lowering.plan = plan_options(lowering.problem, options.method, options.run);
  return lowering;
}

Tensor run_2d(const ConstTensorView& x, const ConstTensorView& k, const Convolve2dOptions& o,
              bool correlation) {
  check(x, k, o);
  const DType output = output_of(x, k, o);
  if (is_empty(x) || is_empty(k)) {
    return new_zeros(output, shape_of_zeros(x, k, o.mode), x.device, o.run);
  }
  Tensor storage;
  const ConstTensorView operand = operand_for_constant(x, o.boundary, output, o.run, storage);
  return run_lowering(lower_2d(operand, k, o, correlation, nullptr), operand, k, o.run);
}

void run_2d_into(const ConstTensorView& x, const ConstTensorView& k, const TensorView& y,
                 const Convolve2dOptions& options, bool correlation) {
  const Convolve2dOptions o = with_output_of(y, options);
  check(x, k, o);
  if (is_empty(x) || is_empty(k)) {
    check_result(y, shape_of_zeros(x, k, o.mode));
    return fill_zeros(y, o.run);
  }
  Tensor storage;
  const ConstTensorView operand = operand_for_constant(x, o.boundary, y.dtype, o.run, storage);
  run_lowering_into(lower_2d(operand, k, o, correlation, &y), operand, k, y, o.run);
}

}  // namespace

Tensor convolve2d(const ConstTensorView& x, const ConstTensorView& k,
                  const Convolve2dOptions& options) {
  return run_2d(x, k, options, false);
}
void convolve2d(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                const Convolve2dOptions& options) {
  run_2d_into(x, k, y, options, false);
}
Lowering lower_convolve2d(const ConstTensorView& x, const ConstTensorView& k,
                          const Convolve2dOptions& options) {
  check_for_plan(options.run);
  return lower_2d(x, k, options, false, nullptr);
}

Tensor correlate2d(const ConstTensorView& x, const ConstTensorView& k,
                   const Convolve2dOptions& options) {
  return run_2d(x, k, options, true);
}
void correlate2d(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                 const Convolve2dOptions& options) {
  run_2d_into(x, k, y, options, true);
}
Lowering lower_correlate2d(const ConstTensorView& x, const ConstTensorView& k,
                           const Convolve2dOptions& options) {
  check_for_plan(options.run);
  return lower_2d(x, k, options, true, nullptr);
}

}  // namespace faltung::signal
