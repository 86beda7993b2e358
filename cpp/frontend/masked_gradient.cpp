// Gradients of masked filters: the adjoints of both sums, with what comes through their quotient.

#include "cpp/frontend/masked_gradient.hpp"

#include <algorithm>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/scratch.hpp"

namespace faltung {

struct GradientPlan::State {
  masked::Gradient gradient;
};

namespace masked {
namespace {

// The images of a run: those beside the sums', and these behind them.
class Run {
 public:
  explicit Run(const Gradient& g)
      : g_(g),
        sums_(g.masked, g.x.shape, g.dy.shape, false),
        type_(g.masked.types.sums),
        originals_{.fills = !g.masked.words.fill, .preserves = g.masked.words.preserve_nan},
        y_(image_bytes(g.dy.shape, type_)),
        result_(image_bytes(g.result.shape, type_)) {}

  [[nodiscard]] std::size_t bytes() const {
    std::size_t scratch = sums_.bytes() - sums_.image_bytes();
    for (const auto& adjoint : {g_.of_sums, g_.of_divisors}) {
      if (adjoint) scratch = std::max(scratch, adjoint->plan()->workspace_bytes());
    }
    return images() + sums_.image_bytes() + scratch;
  }

  void operator()(const ConstTensorView& dy, const ConstTensorView& x, const TensorView& to,
                  const Stream& stream, const Workspace& workspace) {
    base_ = static_cast<std::byte*>(workspace.data);
    stream_ = stream;
    const Workspace behind{base_ + images(), workspace.bytes - images()};
    images_ = sums_.form(x, {}, stream, behind, true);
    scratch_ = sums_.scratch(behind);
    const TensorView gradient = image(0, g_.dy.shape);
    const TensorView through =
        originals_.fills ? image(y_ + pieces() * result_, g_.dy.shape) : TensorView{};
    const ConstTensorView divisors =
        g_.masked.taps.divides ? ConstTensorView(images_.divisors) : ConstTensorView{};
    const bool original = originals_.fills || originals_.preserves;
    if (is_elsewhere(g_.masked)) return finish_elsewhere(gradient, divisors, dy, x, through, to);
    const FloatEnvironment environment(subnormals_of(g_.masked.run));
    copy_elements(dy, gradient);
    const double of_gain =
        divide_backward(gradient, images_.sums, divisors, images_.counts,
                        original ? x : ConstTensorView{}, images_.rule, originals_, through);
    (void)sums_.load_from(x, images_, stream_);  // once more: divisors and counts took their place
    if (g_.of == Operand::data) {
      data(gradient, x, through, to);
    } else {
      filter(gradient, g_.masked.words.keep_gain ? of_gain : 0, to);
    }
  }

 private:
  // Images of the result's form.
  [[nodiscard]] std::size_t pieces() const { return g_.of == Operand::data ? 1 : 2; }
  [[nodiscard]] std::size_t images() const {
    return own_images() + (is_elsewhere(g_.masked) ? total_count * sizeof(double) : 0);
  }
  [[nodiscard]] std::size_t own_images() const {
    return y_ + pieces() * result_ + (originals_.fills ? y_ : 0);
  }
  [[nodiscard]] TensorView image(std::size_t offset, const Shape& shape) const {
    return {base_ + offset, type_, shape, compact_strides(shape), g_.x.device};
  }

  // The same by passes of the device, which keep their totals there.
  void finish_elsewhere(const TensorView& gradient, const ConstTensorView& divisors,
                        const ConstTensorView& dy, const ConstTensorView& x,
                        const TensorView& through, const TensorView& to) const {
    const Passes& passes = cuda_backend().masked_passes();
    auto* const totals = reinterpret_cast<double*>(base_ + own_images());
    passes.load({.x = dy, .given = {}, .values = gradient, .rule = {.nan = NanRule::spread}},
                stream_);
    passes.divide_backward({.gradient = gradient,
                            .sums = images_.sums,
                            .divisors = divisors,
                            .counts = images_.counts,
                            .x = originals_.preserves ? x : ConstTensorView{},
                            .through = through,
                            .rule = images_.rule,
                            .originals = originals_,
                            .totals = totals},
                           stream_);
    (void)sums_.load_from(x, images_, stream_);  // once more, as above
    const bool divides = g_.masked.taps.divides;
    if (g_.of == Operand::data) {
      const TensorView dx = image(y_, g_.x.shape);
      g_.of_sums->run_data(gradient.data, dx.data, stream_, scratch_);
      const bool replaces = g_.masked.words.nan == NanRule::value;
      passes.data_gradient({.values = dx,
                            .weights = divides ? images_.weights : TensorView{},
                            .replaced = replaces ? x : ConstTensorView{},
                            .through = through,
                            .dx = to},
                           stream_);
      return;
    }
    const TensorView target = to.permute(g_.order);
    const TensorView dw = image(y_, target.shape), other = image(y_ + result_, target.shape);
    run_filter_sums(gradient, dw, other);
    passes.filter_gradient({.sums = dw,
                            .divisors = g_.of_divisors ? other : TensorView{},
                            .dw = target,
                            .totals = totals,
                            .gains = g_.masked.words.keep_gain},
                           stream_);
  }

  void run_filter_sums(const TensorView& gradient, const TensorView& dw,
                       const TensorView& of_divisors) const {
    g_.of_sums->run_filter(images_.values.data, gradient.data, dw.data, stream_, scratch_);
    if (!g_.of_divisors) return;
    g_.of_divisors->run_filter(images_.weights.data, images_.sums.data, of_divisors.data, stream_,
                               scratch_);
  }

  void data(const TensorView& gradient, const ConstTensorView& x, const TensorView& through,
            const TensorView& to) const {
    const TensorView dx = image(y_, g_.x.shape);
    g_.of_sums->run_data(gradient.data, dx.data, stream_, scratch_);
    if (g_.masked.taps.divides) multiply(dx, images_.weights);
    if (g_.masked.words.nan == NanRule::value) drop_replaced(dx, x);
    if (originals_.fills) add(dx, through);
    copy_elements(dx, to);
  }

  // The axes of the problems are those of the filter in another order.
  void filter(const TensorView& gradient, double each, const TensorView& to) const {
    const TensorView target = to.permute(g_.order);
    const TensorView dw = image(y_, target.shape);
    const TensorView of_divisors = image(y_ + result_, target.shape);
    run_filter_sums(gradient, dw, of_divisors);
    if (g_.of_divisors) {
      combine(dw, of_divisors, each);
    } else {
      combine(dw, {}, each - total(images_.sums));  // every divisor is the sum of the taps
    }
    copy_elements(dw, target);
  }

  const Gradient& g_;
  Sums sums_;
  DType type_;
  OriginalRule originals_;
  std::size_t y_, result_;  // bytes of an image of y, and of the result
  std::byte* base_ = nullptr;
  Stream stream_;
  Workspace scratch_;
  Sums::Images images_;
};

void check_operands(const Gradient& g, const ConstTensorView& dy, const ConstTensorView& x,
                    const TensorView& to) {
  const Device& device = g.x.device;
  check_view(x, {"x", g.x.dtype, g.x.shape, g.x.strides}, device);
  check_view(dy, {"dy", g.dy.dtype, g.dy.shape, g.dy.strides}, device);
  check_view(to, {g.name, g.result.dtype, g.result.shape, g.result.strides}, device);
  check_apart(to, g.name, x, "x");
  check_apart(to, g.name, dy, "dy");
}

void run_checked(const Gradient& g, const ConstTensorView& dy, const ConstTensorView& x,
                 const TensorView& to, const Execution& run) {
  check_operands(g, dy, x, to);
  const std::size_t bytes = g.workspace_bytes();
  const Stream stream = stream_on(x.device, run.stream);
  if (run.workspace.data == nullptr) {
    const Scratch memory(bytes, x.device, run);
    return g.run(dy, x, to, stream, {memory.data(), bytes});
  }
  check_lent(run.workspace, bytes, "GradientPlan");
  check_lent_apart(run.workspace, x, "x");
  check_lent_apart(run.workspace, dy, "dy");
  check_lent_apart(run.workspace, to, g.name);
  g.run(dy, x, to, stream, run.workspace);
}

}  // namespace

std::size_t Gradient::workspace_bytes() const { return Run(*this).bytes(); }

void Gradient::run(const ConstTensorView& dy_data, const ConstTensorView& x_data,
                   const TensorView& to, const Stream& stream, const Workspace& workspace) const {
  Run run(*this);
  run(dy_data, x_data, to, stream, workspace);
}

void check_gradient(const ConstTensorView& dy, const Masked& masked, const Shape& y,
                    const Device& device) {
  if (dy.dtype != masked.types.result) {
    throw InvalidProblem(message("dy has type ", name(dy.dtype), ", the result has ",
                                 name(masked.types.result),
                                 "; convert it, or name its type as output"));
  }
  if (dy.shape != y || dy.strides.size() != y.size()) {
    throw InvalidProblem(message("dy has shape ", dy.shape, " and ", dy.strides.size(),
                                 " strides, the result has shape ", y,
                                 "; give it that shape, and one stride per axis"));
  }
  if (dy.device != device) {
    throw InvalidProblem(
        message("dy is on ", dy.device, ", x on ", device, "; copy one with Tensor::to"));
  }
  prepare_passes(masked);
}

Tensor gradient(const Gradient& g, const ConstTensorView& dy, const ConstTensorView& x) {
  Tensor result = new_tensor(g.result.dtype, g.result.shape, g.x.device, g.masked.run);
  run_checked(g, dy, x, result, g.masked.run);
  return result;
}

void gradient_into(Gradient g, const ConstTensorView& dy, const ConstTensorView& x,
                   const ConstTensorView& w, const ConstTensorView& weights, const TensorView& to) {
  g.result.strides = to.strides;
  check_operands(g, dy, x, to);
  check_apart(to, g.name, w, g.filter_name);
  if (is_given(weights)) check_apart(to, g.name, weights, "weights");
  run_checked(g, dy, x, to, g.masked.run);
}

GradientPlan plan_gradient(Gradient g) {
  return GradientPlan(
      std::make_shared<const GradientPlan::State>(GradientPlan::State{std::move(g)}));
}

}  // namespace masked

GradientPlan::GradientPlan(std::shared_ptr<const State> state) : state_(std::move(state)) {}

void GradientPlan::run(const ConstTensorView& dy, const ConstTensorView& x,
                       const TensorView& gradient, const Stream& stream,
                       const Workspace& workspace) const {
  const masked::Gradient& g = state_->gradient;
  Execution how = g.masked.run;
  how.stream = stream;
  how.workspace = workspace;
  check_execution(how, g.x.device);
  masked::run_checked(g, dy, x, gradient, how);
}

std::size_t GradientPlan::workspace_bytes() const noexcept {
  return state_->gradient.workspace_bytes();
}
const Shape& GradientPlan::dy_shape() const noexcept { return state_->gradient.dy.shape; }
const Shape& GradientPlan::x_shape() const noexcept { return state_->gradient.x.shape; }
const Shape& GradientPlan::shape() const noexcept { return state_->gradient.result.shape; }
DType GradientPlan::dtype() const noexcept { return state_->gradient.result.dtype; }

std::string GradientPlan::explain() const {
  const masked::Gradient& g = state_->gradient;
  std::string text;
  const auto add = [&](const Plan& plan) {
    text += message(plan.engine(), '/', plan.way(), ": ", plan.problem(), "\n");
  };
  add(*g.masked.data.plan);
  if (g.masked.taps.divides) add(*g.masked.divisors.plan);
  if (g.masked.taps.counts_apart) add(*g.masked.counts.plan);
  add(*g.of_sums->plan());
  if (g.of_divisors) add(*g.of_divisors->plan());
  return text;
}

}  // namespace faltung
