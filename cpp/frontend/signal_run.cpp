#include <faltung/error.hpp>
#include <faltung/promotion.hpp>
#include "cpp/core/element.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

const std::byte* advance(const void* data, DType dtype, std::int64_t elements) {
  return static_cast<const std::byte*>(data) + elements * static_cast<std::int64_t>(size_of(dtype));
}

std::byte* advance(void* data, DType dtype, std::int64_t elements) {
  return static_cast<std::byte*>(data) + elements * static_cast<std::int64_t>(size_of(dtype));
}

template <typename View>
void set_form(View& view, const Shape& shape, const Strides& strides) {
  view.shape = shape;
  view.strides = strides.empty() ? compact_strides(shape) : strides;
}

// Whether an element of `type` can have this value.
bool holds(DType type, std::complex<double> value) {
  if (!is_complex(type) && value.imag() != 0) return false;
  return visit_dtype(type, [&](auto element) {
    using T = decltype(element);
    const T stored = store_element<T>(value, StoreRule{});
    return load_element<std::complex<double>>(stored) == value;
  });
}

// Of a compact tensor on the CPU.
void conjugate(const TensorView& y) {
  visit_dtype(y.dtype, [&](auto element) {
    using T = decltype(element);
    if constexpr (is_complex(dtype_of<T>)) {
      auto* values = static_cast<T*>(y.data);
      const std::int64_t count = element_count(y.shape);
      for (std::int64_t i = 0; i < count; ++i) values[i] = std::conj(values[i]);
    }
  });
}

}  // namespace

void Lowering::run(const Plan& made, const Stream& stream, const ConstTensorView& first,
                   const ConstTensorView& second, const TensorView& y,
                   const Workspace& workspace) const {
  const Device& device = made.device();
  check_view(first, {"x", x.dtype, x.shape, x.strides}, device);
  check_view(second, {"k", k.dtype, k.shape, k.strides}, device);
  check_view(y, {"y", problem.output, result_shape, {}}, device);
  if (made.problem() != problem) {
    throw InvalidProblem(message("the plan is for [", made.problem(), "], the lowering for [",
                                 problem, "]; plan for this one"));
  }
  if (conjugate_result && device.kind != DeviceKind::cpu) {
    throw InvalidProblem(message("the operands were lowered for ", x.device,
                                 ", where the result is conjugated, and the plan is for ", device,
                                 "; lower operands that lie there"));
  }
  if (element_count(result_shape) == 0) return;
  const ConstTensorView& outer = swapped ? second : first;
  const ConstTensorView& inner = swapped ? first : second;
  ConstTensorView a = outer, w = inner;
  TensorView part = y;
  set_form(a, problem.x_shape(), problem.x_strides);
  set_form(w, problem.w_shape(), problem.w_strides);
  set_form(part, problem.y_shape(), problem.y_strides);
  Shape extents;
  for (const Loop& loop : loops) extents.push_back(loop.extent);
  for_each_index(extents, [&](std::int64_t, const Extents& index) {
    std::int64_t a_offset = 0, w_offset = 0, y_offset = result_offset;
    for (std::size_t i = 0; i < loops.size(); ++i) {
      a_offset += index[i] * loops[i].x;
      w_offset += index[i] * loops[i].w;
      y_offset += index[i] * loops[i].y;
    }
    a.data = advance(outer.data, a.dtype, a_offset);
    w.data = advance(inner.data, w.dtype, w_offset);
    part.data = advance(y.data, part.dtype, y_offset);
    made.run(stream, a, w, part, workspace);
  });
  if (conjugate_result) conjugate(y);
}

Tensor run_lowering(const Lowering& lowering, const ConstTensorView& x, const ConstTensorView& k,
                    const Stream& stream) {
  Tensor y(lowering.problem.output, lowering.result_shape, x.device);
  const auto plan = kept_plan(lowering.problem, x.device, lowering.plan);
  lowering.run(*plan, stream_on(x.device, stream), x, k, y);
  return y;
}

ConstTensorView operand_for_constant(const ConstTensorView& x, const Boundary& boundary,
                                     DType result, Tensor& storage) {
  const FloatEnvironment environment;
  const bool fits = boundary.kind != BoundaryKind::constant || holds(x.dtype, boundary.value);
  if (fits || is_integer(result) || result == x.dtype) return x;
  // A result may be named that holds x no better than the value.
  storage = compact_copy(x, numpy_result_type(x.dtype, result));
  return storage.view();
}

}  // namespace faltung::signal
