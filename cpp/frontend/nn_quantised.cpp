#include <algorithm>
#include <cmath>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/nn_quantised.hpp>
#include "cpp/core/allocator.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/problem_rules.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/method.hpp"
#include "cpp/frontend/nn_quantised.hpp"
#include "cpp/frontend/nn_rules.hpp"

namespace faltung::nn {
namespace {

// Bytes of the sums, before the workspace of their plan.
std::size_t sums_bytes(const Problem& problem) {
  const auto bytes = static_cast<std::size_t>(element_count(problem.y_shape())) * size_of(i32);
  return (bytes + memory_alignment - 1) / memory_alignment * memory_alignment;
}

ZeroPoints zeros(const Quantisation& q) { return {q.x_zero, q.w_zero}; }

void check_scale(const char* field, double value) {
  if (std::isfinite(value) && value > 0) return;
  throw InvalidProblem(message(field, " is ", value, "; a scale is finite and greater than 0"));
}

Requantisation second_pass(const Problem& problem, const Quantisation& q,
                           const ConvOptions& options) {
  if (q.y != i8 && q.y != u8) {
    throw InvalidProblem(message("y is to have type ", name(q.y),
                                 "; QLinearConv makes i8 or u8, plan_conv_integer i32"));
  }
  if (options.alpha != 1 || options.beta != 0 || options.overflow != Overflow::wrap) {
    throw InvalidProblem(
        "alpha, beta or overflow is set, which QLinearConv lacks: its scales take the place of "
        "alpha and its result saturates, so leave them out");
  }
  const std::int64_t low = q.y == i8 ? -128 : 0;
  if (q.y_zero < low || q.y_zero > low + 255) {
    throw InvalidProblem(message("y zero point ", q.y_zero, " is not a value of ", name(q.y),
                                 "; use ", low, " to ", low + 255));
  }
  check_scale("x_scale", q.x_scale);
  check_scale("y_scale", q.y_scale);
  const auto channels = static_cast<std::size_t>(problem.out_channels);
  if (q.w_scale.size() != 1 && q.w_scale.size() != channels) {
    throw InvalidProblem(message("w has ", q.w_scale.size(), " scales for ", channels,
                                 " output channels; give one for all, or one for each"));
  }
  Requantisation result{.factor = {}, .zero = q.y_zero, .result = q.y};
  for (const double scale : q.w_scale) check_scale("w_scale", scale);
  for (std::size_t k = 0; k < channels; ++k) {
    const double factor = q.x_scale * q.w_scale[q.w_scale.size() == 1 ? 0 : k] / q.y_scale;
    check_scale("x_scale w_scale / y_scale", factor);
    result.factor.push_back(factor);
  }
  if (problem.layout == Layout::channels_first) {
    for (const Axis& axis : problem.axes) result.inner *= axis.output();
  }
  return result;
}

Plan bound(Plan plan, const IntegerSums& parts) {
  plan.bind_filter(parts.w);
  return plan;
}

// Filter and bias are moved to the device, and the filter is bound.
QuantisedPlan make(IntegerSums sums, const ConvOptions& options, const Device& device,
                   std::optional<Requantisation> requantisation) {
  if (device.kind != DeviceKind::cpu) {
    sums.w = sums.w.to(device);
    sums.bias = sums.bias.to(device);
  }
  PlanOptions how = plan_options(sums.problem, options.method, options.run);
  if (requantisation && how.workspace_limit != PlanOptions{}.workspace_limit) {
    const std::size_t own = sums_bytes(sums.problem);
    how.workspace_limit = std::max(how.workspace_limit, own) - own;
  }
  const Allocator allocator = allocator_for(device, options.run.allocator);
  auto parts = std::make_shared<const IntegerSums>(std::move(sums));
  Plan plan = bound(Plan::make(parts->problem, device, how), *parts);
  return QuantisedPlan(std::make_shared<const QuantisedPlan::State>(QuantisedPlan::State{
      std::move(plan), std::move(parts), allocator, std::move(requantisation)}));
}

QuantisedPlan plan_qlinear(IntegerSums sums, const Quantisation& q, const ConvOptions& options,
                           const Device& device) {
  if (device.kind != DeviceKind::cpu) {
    throw NoEngine(message("QLinearConv makes its bytes on the cpu only, the device is ", device,
                           "; use plan_conv_integer there, or Device::cpu()"));
  }
  const FloatEnvironment environment;
  Requantisation how = second_pass(sums.problem, q, options);
  return make(std::move(sums), options, device, std::move(how));
}

void check_workspace(const Workspace& lent, std::size_t needed, const TensorView& y) {
  if (lent.data == nullptr) {
    throw InvalidProblem(message("a workspace of ", lent.bytes,
                                 " bytes is lent at a null pointer; pass its memory, or {} to take "
                                 "it from the allocator"));
  }
  if (lent.bytes < needed) {
    throw InvalidProblem(message("workspace has ", lent.bytes, " bytes, the plan needs ", needed,
                                 "; ask QuantisedPlan::workspace_bytes"));
  }
  if (reinterpret_cast<std::uintptr_t>(lent.data) % memory_alignment != 0) {
    throw InvalidProblem(message("workspace starts at address ", lent.data,
                                 ", which is misaligned: it needs a multiple of ", memory_alignment,
                                 " bytes"));
  }
  const auto bytes = static_cast<std::int64_t>(lent.bytes);
  check_apart(y, "y", {lent.data, u8, {bytes}, {1}, y.device}, "the workspace");
}

}  // namespace

QuantisedPlan::QuantisedPlan(std::shared_ptr<const State> state) : state_(std::move(state)) {}

std::size_t QuantisedPlan::workspace_bytes() const noexcept {
  const std::size_t own = state_->second_pass ? sums_bytes(state_->sums.problem()) : 0;
  return own + state_->sums.workspace_bytes();
}
Shape QuantisedPlan::x_shape() const { return state_->sums.problem().x_shape(); }
Shape QuantisedPlan::y_shape() const { return state_->sums.problem().y_shape(); }
DType QuantisedPlan::y_dtype() const noexcept {
  return state_->second_pass ? state_->second_pass->result : i32;
}
const Plan& QuantisedPlan::sums() const noexcept { return state_->sums; }

QuantisedPlan QuantisedPlan::with_batch(std::int64_t batch) const {
  Plan plan = bound(state_->sums.with_batch(batch), *state_->parts);
  return QuantisedPlan(std::make_shared<const State>(
      State{std::move(plan), state_->parts, state_->allocator, state_->second_pass}));
}

void QuantisedPlan::run(const ConstTensorView& x, const TensorView& y, const Stream& stream,
                        const Workspace& workspace) const {
  const State& s = *state_;
  if (!s.second_pass) return s.sums.run_bound(stream, x, y, workspace, s.parts->bias_view());

  check_view(y, {"y", y_dtype(), y_shape(), y.strides}, s.sums.device());
  rules::check_strides("y", y, true);
  check_apart(y, "y", x, "x");
  const std::size_t bytes = workspace_bytes();
  Workspace scratch = workspace;
  const bool owned = workspace.data == nullptr && workspace.bytes == 0 && bytes > 0;
  if (owned) {
    scratch = {s.allocator.allocate(s.allocator.context, bytes, memory_alignment, stream), bytes};
    if (scratch.data == nullptr) {
      throw DeviceError(message("no memory for a workspace of ", bytes, " bytes; lend one"));
    }
  } else if (bytes > 0) {
    check_workspace(workspace, bytes, y);
  }
  const struct Release {
    const State& state;
    const Workspace& memory;
    const Stream& order;
    bool needed;
    ~Release() {
      if (!needed) return;
      const Allocator& a = state.allocator;
      a.deallocate(a.context, memory.data, memory.bytes, memory_alignment, order);
    }
  } release{s, scratch, stream, owned};

  const TensorView sums{scratch.data, i32, y_shape(), compact_strides(y_shape()), y.device};
  const std::size_t own = sums_bytes(s.sums.problem());
  const Workspace rest{
      s.sums.workspace_bytes() == 0 ? nullptr : static_cast<std::byte*>(scratch.data) + own,
      s.sums.workspace_bytes()};
  s.sums.run_bound(stream, x, sums, rest, s.parts->bias_view());
  const FloatEnvironment environment;  // the allocator keeps the caller's
  requantise(static_cast<const std::int32_t*>(sums.data), y, *s.second_pass);
}

QuantisedPlan plan_conv_integer(const Shape& x, DType x_type, const ConstTensorView& w,
                                const ZeroPoints& zero, const ConvOptions& options,
                                const Device& device) {
  check_for_plan(options.run);
  return make(integer_sums(x, x_type, w, zero, options, {}), options, device, std::nullopt);
}

QuantisedPlan plan_qlinear_conv(const Shape& x, DType x_type, const ConstTensorView& w,
                                const Quantisation& quantisation, const ConstTensorView& bias,
                                const ConvOptions& options, const Device& device) {
  check_for_plan(options.run);
  return plan_qlinear(integer_sums(x, x_type, w, zeros(quantisation), options, bias), quantisation,
                      options, device);
}

namespace {

QuantisedPlan plan_for(const ConstTensorView& x, const ConstTensorView& w, const Quantisation& q,
                       const ConstTensorView& bias, const ConvOptions& options) {
  check_execution(options.run, x.device);
  IntegerSums sums = integer_sums(x.shape, x.dtype, w, zeros(q), options, bias);
  if (x.strides.size() == x.shape.size() && !is_compact(x)) sums.problem.x_strides = x.strides;
  return plan_qlinear(std::move(sums), q, options, x.device);
}

}  // namespace

Tensor qlinear_conv(const ConstTensorView& x, const ConstTensorView& w,
                    const Quantisation& quantisation, const ConstTensorView& bias,
                    const ConvOptions& options) {
  const QuantisedPlan plan = plan_for(x, w, quantisation, bias, options);
  Tensor y = new_tensor(quantisation.y, plan.y_shape(), x.device, options.run);
  plan.run(x, y, options.run.stream, options.run.workspace);
  return y;
}

void qlinear_conv(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                  const Quantisation& quantisation, const ConstTensorView& bias,
                  const ConvOptions& options) {
  plan_for(x, w, quantisation, bias, options).run(x, y, options.run.stream, options.run.workspace);
}

}  // namespace faltung::nn
