#include <faltung/lowering.hpp>

#include <complex>
#include <cstddef>

#include <faltung/error.hpp>
#include <faltung/streamed_plan.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/core/view_rules.hpp"

namespace faltung {
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

// On the CPU.
void conjugate(const TensorView& y) {
  visit_dtype(y.dtype, [&](auto element) {
    using T = decltype(element);
    if constexpr (is_complex(dtype_of<T>)) {
      auto* values = static_cast<T*>(y.data);
      for_each_index(y.shape, [&](std::int64_t, const Extents& index) {
        T& value = values[offset_of(index, y.strides)];
        value = std::conj(value);
      });
    }
  });
}

// The shape and the strides that a problem gives its operands and its result.
struct Form {
  Shape shape;
  Strides strides;
};
Form x_form(const Problem& p) { return {p.x_shape(), p.x_strides}; }
Form w_form(const Problem& p) { return {p.w_shape(), p.w_strides}; }
Form y_form(const Problem& p) { return {p.y_shape(), p.y_strides}; }
Form first_form(const Problem& p) { return p.pass == Pass::backward_data ? y_form(p) : x_form(p); }
Form second_form(const Problem& p) {
  return p.pass == Pass::backward_filter ? y_form(p) : w_form(p);
}
Form result_form(const Problem& p) {
  if (p.pass == Pass::forward) return y_form(p);
  return p.pass == Pass::backward_data ? x_form(p) : w_form(p);
}

template <typename View>
void set_form(View& view, const Form& form) {
  view.shape = form.shape;
  view.strides = form.strides.empty() ? compact_strides(form.shape) : form.strides;
}

// All of a call by `run(first, second, result)`, for something planned for `planned`.
template <typename Run>
void run_call(const Lowering& call, const Problem& planned, const Device& device,
              const ConstTensorView& first, const ConstTensorView& second, const TensorView& y,
              const Run& run) {
  const Problem& problem = call.problem;
  const auto& names = call.names;
  const ConstTensorView& x = call.x;
  const ConstTensorView& k = call.k;
  check_view(first, {names[0], x.dtype, x.shape, x.strides}, device);
  if (call.filter == nullptr) check_view(second, {names[1], k.dtype, k.shape, k.strides}, device);
  check_view(y, {names[2], problem.result_dtype(), call.result_shape, call.result_strides}, device);
  if (planned != problem) {
    throw InvalidProblem(message("the plan is for [", planned, "], the lowering for [", problem,
                                 "]; plan for this one"));
  }
  if (call.conjugate_result && device.kind != DeviceKind::cpu) {
    throw InvalidProblem(message("the operands were lowered for ", x.device,
                                 ", where the result is conjugated, and the plan is for ", device,
                                 "; lower operands that lie there"));
  }
  if (element_count(call.result_shape) == 0) return;
  check_apart(y, names[2], first, names[0]);
  check_apart(y, names[2], second, names[1]);
  const ConstTensorView& outer = call.swapped ? second : first;
  const ConstTensorView& inner = call.swapped ? first : second;
  ConstTensorView a = outer, w = inner;
  TensorView part = y;
  set_form(a, first_form(problem));
  set_form(w, second_form(problem));
  set_form(part, result_form(problem));
  Shape extents;
  for (const Lowering::Loop& loop : call.loops) extents.push_back(loop.extent);
  for_each_index(extents, [&](std::int64_t, const Extents& index) {
    std::int64_t a_offset = 0, w_offset = 0, y_offset = call.result_offset;
    for (std::size_t i = 0; i < call.loops.size(); ++i) {
      a_offset += index[i] * call.loops[i].x;
      w_offset += index[i] * call.loops[i].w;
      y_offset += index[i] * call.loops[i].y;
    }
    a.data = advance(outer.data, a.dtype, a_offset);
    w.data = advance(inner.data, w.dtype, w_offset);
    part.data = advance(y.data, part.dtype, y_offset);
    run(a, w, part);
  });
  if (call.conjugate_result) conjugate(y);
}

}  // namespace

void Lowering::run(const Plan& made, const Stream& stream, const ConstTensorView& first,
                   const TensorView& y, const Workspace& workspace) const {
  if (filter == nullptr) {
    throw InvalidProblem(
        message("the lowering has no filter of its own; pass ", names[1], " as well"));
  }
  run_both(made, stream, first, *filter, y, workspace, {});
}

void Lowering::run(const Plan& made, const Stream& stream, const ConstTensorView& first,
                   const ConstTensorView& second, const TensorView& y, const Workspace& workspace,
                   const ConstTensorView& bias) const {
  if (filter != nullptr) {
    throw InvalidProblem(message("the lowering has a copy of ", names[1],
                                 ", which it was made with; leave it out, or lower again"));
  }
  run_both(made, stream, first, second, y, workspace, bias);
}

void Lowering::run_both(const Plan& made, const Stream& stream, const ConstTensorView& first,
                        const ConstTensorView& second, const TensorView& y,
                        const Workspace& workspace, const ConstTensorView& bias) const {
  run_call(*this, made.problem(), made.device(), first, second, y,
           [&](const ConstTensorView& a, const ConstTensorView& w, const TensorView& part) {
             made.run(stream, a, w, part, workspace, bias);
           });
}

void run_streamed(const StreamedPlan& made, const Lowering& call, const ConstTensorView& x,
                  const ConstTensorView& k, const TensorView& y, const ConstTensorView& bias) {
  const ConstTensorView second = call.filter == nullptr ? k : call.filter->view();
  run_call(call, made.problem(), Device::cpu(), x, second, y,
           [&](const ConstTensorView& a, const ConstTensorView& w, const TensorView& part) {
             made.run(a, w, part, bias);
           });
}

Tensor run_streamed(const Lowering& call, const ConstTensorView& x, const ConstTensorView& k,
                    StreamedOptions options) {
  if (!call.result_strides.empty()) {
    throw InvalidProblem("the lowering is for a result with strides; run_streamed writes into one");
  }
  options.plan = call.plan;
  Tensor y(call.problem.result_dtype(), call.result_shape);
  run_streamed(StreamedPlan::make(call.problem, options), call, x, k, y);
  return y;
}

}  // namespace faltung
