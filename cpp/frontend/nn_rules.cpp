#include "cpp/frontend/nn_rules.hpp"

#include <utility>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/method.hpp"

namespace faltung::nn {

Padding Padding::onnx(const std::vector<std::int64_t>& pads) {
  if (pads.empty() || pads.size() % 2 != 0) {
    throw InvalidProblem(message("pads has ", pads.size(),
                                 " values; give all begins, then all ends, one of each per axis"));
  }
  Padding result;
  result.sides_.clear();
  const std::size_t axes = pads.size() / 2;
  for (std::size_t i = 0; i < axes; ++i) result.sides_.emplace_back(pads[i], pads[axes + i]);
  return result;
}

Dimensions dimensions(std::string_view name, const Shape& shape, Layout layout) {
  if (shape.size() < 3) {
    throw InvalidProblem(message(name, " has shape ", shape, ", which has ", shape.size(),
                                 " axes; it needs two and at least one spatial axis, ",
                                 layout == Layout::channels_first ? "[outer, channels, spatial...]"
                                                                  : "[outer, spatial..., channels]",
                                 ", so add axes of extent 1"));
  }
  const bool first = layout == Layout::channels_first;
  Dimensions result{shape[0], first ? shape[1] : shape.back(), {}};
  for (std::size_t i = 0; i + 2 < shape.size(); ++i) {
    result.spatial.push_back(shape[first ? i + 2 : i + 1]);
  }
  return result;
}

Shape shape_of(const Dimensions& d, Layout layout) {
  Shape shape{d.outer};
  if (layout == Layout::channels_first) shape.push_back(d.channels);
  for (const std::int64_t extent : d.spatial) shape.push_back(extent);
  if (layout == Layout::channels_last) shape.push_back(d.channels);
  return shape;
}

void check_same_rank(const Dimensions& x, const Dimensions& w) {
  if (x.spatial.size() != w.spatial.size()) {
    throw InvalidProblem(message("x has ", x.spatial.size(), " spatial axes, w has ",
                                 w.spatial.size(), "; give both the same number"));
  }
}

std::vector<std::pair<std::int64_t, std::int64_t>> expand(const Padding& padding,
                                                          std::size_t axes) {
  if (padding.rule() != AutoPad::none) return {axes, {0, 0}};
  return PerAxis<std::pair<std::int64_t, std::int64_t>>(padding.numbers()).expand("padding", axes);
}

DType result_type(DType first, DType second, std::optional<DType> output) {
  if (output) return *output;
  const auto narrow = [](DType type) { return is_integer(type) && size_of(type) <= 2; };
  if (narrow(first) && narrow(second)) return i32;
  if (first != second) {
    throw InvalidProblem(message("the operands have types ", name(first), " and ", name(second),
                                 "; convert one of them, or name the result's type in `output`"));
  }
  return first;
}

void check_no_activation(const Activation& activation) {
  if (activation == Activation::none()) return;
  throw InvalidProblem(
      "activation is set, but a gradient of the convolution takes dy before the activation; "
      "multiply dy by the activation's derivative and leave activation out");
}

void check_gradient(const ConstTensorView& dy, const Shape& made, const Problem& problem) {
  if (dy.shape == made) return;
  throw InvalidProblem(message("dy has shape ", dy.shape, ", the forward call of [", problem,
                               "] makes ", made,
                               "; pass the options and shapes of the forward call"));
}

bool has_bias(bool wanted, const ConstTensorView& bias) {
  const bool given = is_given(bias);
  if (wanted && !given) {
    throw InvalidProblem("bias is true, but no bias is passed; pass one, or leave the option out");
  }
  return given;
}

void check_output(std::optional<DType> named, DType result) {
  if (!named || *named == result) return;
  throw InvalidProblem(message("output is ", name(*named), ", but the result has type ",
                               name(result), "; leave output out"));
}

namespace {

Strides strides_of(const ConstTensorView& view) {
  return view.strides.size() == view.shape.size() && is_compact(view) ? Strides{} : view.strides;
}

// Of the operands, in the order of the problem's pass.
void set_strides(Problem& problem, const ConstTensorView& first, const ConstTensorView& second) {
  const Pass pass = problem.pass;
  (pass == Pass::backward_data ? problem.y_strides : problem.x_strides) = strides_of(first);
  (pass == Pass::backward_filter ? problem.y_strides : problem.w_strides) = strides_of(second);
}

}  // namespace

void run_into(Problem problem, const ConstTensorView& first, const ConstTensorView& second,
              const TensorView& result, const ConstTensorView& bias, const Call& call) {
  check_execution(call.run, first.device);
  set_strides(problem, first, second);
  if (result.shape == problem.result_shape()) {  // what else it may be, Plan::run says better
    (problem.pass == Pass::forward         ? problem.y_strides
     : problem.pass == Pass::backward_data ? problem.x_strides
                                           : problem.w_strides) = strides_of(result);
  }
  const PlanOptions options = plan_options(problem, call.method, call.run);
  const auto plan = kept_plan(problem, first.device, options);
  plan->run(call.run.stream, first, second, result, call.run.workspace, bias);
}

Lowering lower(Problem problem, const ConstTensorView& first, const ConstTensorView& second,
               const Call& call, std::array<std::string_view, 3> names, bool swapped) {
  check_for_plan(call.run);
  check_execution(call.run, first.device);
  if (swapped) {
    set_strides(problem, second, first);
  } else {
    set_strides(problem, first, second);
  }
  problem.validate();
  Lowering lowering{.problem = problem,
                    .plan = plan_options(problem, call.method, call.run),
                    .result_shape = problem.result_shape(),
                    .x = first,
                    .k = second,
                    .names = names,
                    .swapped = swapped,
                    .loops = {}};
  lowering.x.data = lowering.k.data = nullptr;
  return lowering;
}

Tensor run(const Problem& problem, const ConstTensorView& first, const ConstTensorView& second,
           const ConstTensorView& bias, const Call& call) {
  if (problem.epilogue.beta != 0) {
    throw InvalidProblem(message("beta is ", problem.epilogue.beta,
                                 ", but the result is new and holds nothing to add to; pass a view "
                                 "of a result"));
  }
  check_execution(call.run, first.device);
  Tensor result =
      new_tensor(problem.result_dtype(), problem.result_shape(), first.device, call.run);
  run_into(problem, first, second, result, bias, call);
  return result;
}

}  // namespace faltung::nn
