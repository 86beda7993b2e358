#include <faltung/promotion.hpp>
#include "cpp/core/element.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

// Whether an element of `type` can have this value.
bool holds(DType type, std::complex<double> value) {
  const FloatEnvironment environment;
  if (!is_complex(type) && value.imag() != 0) return false;
  return visit_dtype(type, [&](auto element) {
    using T = decltype(element);
    const T stored = store_element<T>(value, StoreRule{});
    return load_element<std::complex<double>>(stored) == value;
  });
}

}  // namespace

void run_lowering_into(const Lowering& lowering, const ConstTensorView& x, const ConstTensorView& k,
                       const TensorView& y, const Execution& run) {
  check_execution(run, x.device);
  const auto plan = kept_plan(lowering.problem, x.device, lowering.plan);
  lowering.run(*plan, stream_on(x.device, run.stream), x, k, y, run.workspace);
}

Tensor run_lowering(const Lowering& lowering, const ConstTensorView& x, const ConstTensorView& k,
                    const Execution& run) {
  check_execution(run, x.device);
  Tensor y = new_tensor(lowering.problem.output, lowering.result_shape, x.device, run);
  run_lowering_into(lowering, x, k, y, run);
  return y;
}

DType type_for_constant(DType x, const Boundary& boundary, DType result) {
  const bool fits = boundary.kind != BoundaryKind::constant || holds(x, boundary.value);
  if (fits || is_integer(result) || result == x) return x;
  // A result may be named that holds x no better than the value.
  return numpy_result_type(x, result);
}

ConstTensorView operand_for_constant(const ConstTensorView& x, const Boundary& boundary,
                                     DType result, const Execution& run, Tensor& storage) {
  const DType type = type_for_constant(x.dtype, boundary, result);
  if (type == x.dtype) return x;
  storage = new_copy(x, type, run);
  return storage.view();
}

}  // namespace faltung::signal
