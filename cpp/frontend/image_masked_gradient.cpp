// Gradients of masked filters: the adjoints of both sums, with what comes through their quotient.

#include <algorithm>
#include <memory>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/image_masked.hpp"
#include "cpp/frontend/kept_plan.hpp"

namespace faltung::image {
namespace {

// A pass of the same geometry that runs backwards.
class Adjoint {
 public:
  Adjoint(faltung::Pass direction, const Pass& pass, const TensorView& image, const Call& call)
      : lowered_(lower_pass(image, image, pass, call, Locality::own_products)) {
    lowered_.problem.pass = direction;
    if (direction == faltung::Pass::backward_filter) lowered_.problem.separable = 0;
    lowered_.options.allocator = {};
    plan_ = kept_plan(lowered_.problem, image.device, lowered_.options);
  }

  [[nodiscard]] std::size_t workspace_bytes() const { return plan_->workspace_bytes(); }

  // dx of dy.
  void run_data(const TensorView& dy, const TensorView& dx, const Workspace& workspace) const {
    ConstTensorView in = lowered_.y;
    TensorView out = lowered_.y;
    in.data = dy.data;
    out.data = dx.data;
    plan_->run({}, in, lowered_.w, out, workspace);
  }

  // dw of x and dy, compact in the problem's order.
  void run_filter(const TensorView& x, const TensorView& dy, const TensorView& dw,
                  const Workspace& workspace) const {
    ConstTensorView in = lowered_.x, gradient = lowered_.y;
    in.data = x.data;
    gradient.data = dy.data;
    const Shape shape = lowered_.problem.w_shape();
    plan_->run({}, in, gradient, {dw.data, dw.dtype, shape, compact_strides(shape), dw.device},
               workspace);
  }

 private:
  LoweredPass lowered_;
  std::shared_ptr<const Plan> plan_;
};

// What both gradients need: the sums of the forward pass, their gradients, and x's own share.
struct Backward {
  Backward(Kind kind, const ConstTensorView& dy, const ConstTensorView& x, const ConstTensorView& w,
           const MaskedOptions& o)
      : made(masked_image(kind, x, w, o, false)),
        image{nullptr, made.masked.types.sums, x.shape, compact_strides(x.shape), x.device},
        call{.method = o.method, .run = o.run},
        sums(made.masked, x.shape, x.shape, false),
        memory(new_bytes(sums.bytes(), o.run)),
        gradient(new_tensor(image.dtype, x.shape, x.device, o.run)) {
    check_gradient(dy, x);
    images = sums.form(x, {}, {}, workspace(), true);
    const FloatEnvironment environment(subnormals_of(o.run));
    copy_elements(dy, gradient);
    const masked::OriginalRule originals{.fills = !o.fill, .preserves = o.preserve_nan};
    through = new_tensor(image.dtype, x.shape, x.device, o.run);
    of_gain = masked::divide_backward(gradient, images.sums, divisors(), images.counts, x,
                                      images.rule, originals, through);
  }

  static Tensor new_bytes(std::size_t bytes, const Execution& run) {
    return new_tensor(u8, {static_cast<std::int64_t>(bytes)}, Device::cpu(), run);
  }
  [[nodiscard]] Workspace workspace() { return {memory.data(), memory.bytes()}; }
  [[nodiscard]] ConstTensorView divisors() const {
    return made.masked.taps.divides ? ConstTensorView(images.divisors) : ConstTensorView{};
  }
  void check_gradient(const ConstTensorView& dy, const ConstTensorView& x) const {
    check_view(dy, {"dy", made.masked.types.result, x.shape, dy.strides}, Device::cpu());
  }

  MaskedImage made;
  TensorView image;
  Call call;
  masked::Sums sums;
  Tensor memory, gradient, through;
  masked::Sums::Images images;
  double of_gain = 0;
};

void data_gradient(Kind kind, const ConstTensorView& dy, const ConstTensorView& x,
                   const ConstTensorView& w, const TensorView& dx, const MaskedOptions& o) {
  if (dx.shape != x.shape || dx.dtype != x.dtype) {
    throw InvalidProblem(message("dx has shape ", dx.shape, " and type ", name(dx.dtype),
                                 ", x has ", x.shape, " and ", name(x.dtype),
                                 "; give it those of x"));
  }
  check_view(dx, {"dx", x.dtype, x.shape, dx.strides}, Device::cpu());
  Backward b(kind, dy, x, w, o);
  const Adjoint adjoint(faltung::Pass::backward_data, b.made.pass, b.image, b.call);
  Tensor scratch = Backward::new_bytes(adjoint.workspace_bytes(), o.run);
  // The sums have done their work: their image takes the gradient of x.
  adjoint.run_data(b.gradient, b.images.sums, {scratch.data(), scratch.bytes()});
  const FloatEnvironment environment(subnormals_of(o.run));
  (void)b.sums.load_from(x, b.images);  // once more: divisors and counts took their place
  if (b.made.masked.taps.divides) masked::multiply(b.images.sums, b.images.weights);
  if (o.nan == NanRule::value) masked::drop_replaced(b.images.sums, x);
  masked::add(b.images.sums, b.through);
  copy_elements(b.images.sums, dx);
}

// The problem's order of the filtered axes is that of x.
TensorView in_order_of_x(const TensorView& dw, const Pass& pass) {
  std::vector<std::size_t> order(pass.axes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t r) { return pass.axes[r].axis; });
  Extents axes;
  for (const std::size_t r : order) axes.push_back(static_cast<std::int64_t>(r));
  return dw.permute(axes);
}

void filter_gradient(Kind kind, const ConstTensorView& dy, const ConstTensorView& x,
                     const ConstTensorView& w, const TensorView& dw, const MaskedOptions& o) {
  if (dw.shape != w.shape) {
    throw InvalidProblem(
        message("dw has shape ", dw.shape, ", w has ", w.shape, "; give it that of w"));
  }
  Backward b(kind, dy, x, w, o);
  check_view(dw, {"dw", b.image.dtype, w.shape, dw.strides}, Device::cpu());
  const bool divides = b.made.masked.taps.divides;
  (void)b.sums.load_from(x, b.images);  // once more: divisors and counts took their place
  const Adjoint adjoint(faltung::Pass::backward_filter, b.made.pass, b.image, b.call);
  Pass of_weights = b.made.pass;
  for (PassAxis& axis : of_weights.axes) {
    if (axis.boundary.kind == BoundaryKind::constant) axis.boundary = Boundary::constant(1);
  }
  const Adjoint by_divisor(faltung::Pass::backward_filter, of_weights, b.image, b.call);
  Tensor scratch =
      Backward::new_bytes(std::max(adjoint.workspace_bytes(), by_divisor.workspace_bytes()), o.run);
  const Workspace workspace{scratch.data(), scratch.bytes()};
  Tensor of_data =
      new_tensor(b.image.dtype, {w.shape.empty() ? 1 : element_count(w.shape)}, w.device, o.run);
  Tensor of_divisor = new_zeros(b.image.dtype, of_data.shape(), w.device, o.run);
  adjoint.run_filter(b.images.values, b.gradient, of_data, workspace);
  double each = o.keep_gain ? b.of_gain : 0;
  if (divides) {
    by_divisor.run_filter(b.images.weights, b.images.sums, of_divisor, workspace);
  } else {
    each -= masked::total(b.images.sums);  // every divisor is the sum of the taps
  }
  const FloatEnvironment environment(subnormals_of(o.run));
  masked::combine(of_data, of_divisor, each);
  const TensorView target = in_order_of_x(dw, b.made.pass);
  copy_elements({of_data.data(), b.image.dtype, target.shape, compact_strides(target.shape), {}},
                target);
}

Tensor new_data_gradient(Kind kind, const ConstTensorView& dy, const ConstTensorView& x,
                         const ConstTensorView& w, const MaskedOptions& o) {
  check_execution(o.run, x.device);
  Tensor dx = new_tensor(x.dtype, x.shape, x.device, o.run);
  data_gradient(kind, dy, x, w, dx, o);
  return dx;
}

Tensor new_filter_gradient(Kind kind, const ConstTensorView& dy, const ConstTensorView& x,
                           const ConstTensorView& w, const MaskedOptions& o) {
  check_execution(o.run, x.device);
  const DType type = masked::checked_types(x, w, "w", masked::words_of(o)).sums;
  Tensor dw = new_tensor(type, w.shape, w.device, o.run);
  filter_gradient(kind, dy, x, w, dw, o);
  return dw;
}

}  // namespace

Tensor masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                     const ConstTensorView& w, const MaskedOptions& options) {
  return new_data_gradient(Kind::convolve, dy, x, w, options);
}
void masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                   const ConstTensorView& w, const ResultView& dx,
                                   const MaskedOptions& options) {
  data_gradient(Kind::convolve, dy, x, w, dx, options);
}
Tensor masked_convolve_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                       const ConstTensorView& w, const MaskedOptions& options) {
  return new_filter_gradient(Kind::convolve, dy, x, w, options);
}
void masked_convolve_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                     const ConstTensorView& w, const ResultView& dw,
                                     const MaskedOptions& options) {
  filter_gradient(Kind::convolve, dy, x, w, dw, options);
}

Tensor masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                      const ConstTensorView& w, const MaskedOptions& options) {
  return new_data_gradient(Kind::correlate, dy, x, w, options);
}
void masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                    const ConstTensorView& w, const ResultView& dx,
                                    const MaskedOptions& options) {
  data_gradient(Kind::correlate, dy, x, w, dx, options);
}
Tensor masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                        const ConstTensorView& w, const MaskedOptions& options) {
  return new_filter_gradient(Kind::correlate, dy, x, w, options);
}
void masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                      const ConstTensorView& w, const ResultView& dw,
                                      const MaskedOptions& options) {
  filter_gradient(Kind::correlate, dy, x, w, dw, options);
}

}  // namespace faltung::image
