// Gradients of masked filters of images.

#include <algorithm>
#include <utility>
#include <vector>

#include "cpp/core/float_environment.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/image_masked.hpp"
#include "cpp/frontend/masked_gradient.hpp"

namespace faltung::image {
namespace {

using masked::Gradient;
using masked::Operand;

// Whether elements stand at several positions, which the gradient adds up.
bool folds(const FilterPass& pass) {
  return std::ranges::any_of(pass.axes, [](const PassAxis& axis) {
    return axis.boundary.kind != BoundaryKind::zero && axis.boundary.kind != BoundaryKind::constant;
  });
}

masked::CompactPass adjoint(Pass direction, const FilterPass& pass, const TensorView& image,
                            const Call& call) {
  LoweredPass lowered = lower_pass(image, image, pass, call, Locality::own_products);
  // On GPUs transforms alone fold.
  const bool elsewhere = image.device.kind != DeviceKind::cpu;
  if (elsewhere && direction == Pass::backward_data && folds(pass)) {
    lowered.options.elementwise = lowered.options.elementwise && call.method != Method::automatic;
  }
  return {lowered.problem, direction, lowered.options, image.device, lowered.taps};
}

// The problem's order of the filtered axes is that of x.
Extents order_of_x(const FilterPass& pass) {
  std::vector<std::size_t> order(pass.axes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t r) { return pass.axes[r].axis; });
  Extents axes;
  for (const std::size_t r : order) axes.push_back(static_cast<std::int64_t>(r));
  return axes;
}

Gradient make(Operand of, Kind kind, const ConstTensorView& dy, const ConstTensorView& x,
              const ConstTensorView& w, const MaskedOptions& o, bool keep) {
  MaskedImage made = masked_image(kind, x, w, o, keep, masked::Cut::whole);
  const FloatEnvironment environment;
  Gradient g{.of = of,
             .name = of == Operand::data ? "dx" : "dw",
             .masked = std::move(made.masked),
             .dy = dy,
             .x = x,
             .result = {},
             .of_sums = {},
             .of_divisors = {},
             .order = {}};
  g.dy.data = g.x.data = nullptr;
  masked::check_gradient(dy, g.masked, x.shape, x.device);
  const DType sums = g.masked.types.sums;
  const TensorView image{nullptr, sums, x.shape, compact_strides(x.shape), x.device};
  const Call call{.method = o.method, .run = o.run};
  if (of == Operand::data) {
    g.result = {nullptr, x.dtype, x.shape, compact_strides(x.shape), x.device};
    g.of_sums = adjoint(Pass::backward_data, made.pass, image, call);
    return g;
  }
  g.result = {nullptr, sums, w.shape, compact_strides(w.shape), x.device};
  g.order = order_of_x(made.pass);
  g.of_sums = adjoint(Pass::backward_filter, made.pass, image, call);
  if (g.masked.taps.divides) {
    const FilterPass weights = pass_of_weights(made.pass);
    g.of_divisors = adjoint(Pass::backward_filter, weights, image, call);
  }
  return g;
}

Tensor fresh(Operand of, Kind kind, const ConstTensorView& dy, const ConstTensorView& x,
             const ConstTensorView& w, const MaskedOptions& o) {
  return masked::gradient(make(of, kind, dy, x, w, o, false), dy, x);
}

void into(Operand of, Kind kind, const ConstTensorView& dy, const ConstTensorView& x,
          const ConstTensorView& w, const TensorView& to, const MaskedOptions& o) {
  masked::gradient_into(make(of, kind, dy, x, w, o, false), dy, x, w, o.weights, to);
}

GradientPlan plan(Operand of, Kind kind, const ConstTensorView& dy, const ConstTensorView& x,
                  const ConstTensorView& w, const MaskedOptions& o) {
  check_for_plan(o.run);
  return masked::plan_gradient(make(of, kind, dy, x, w, o, true));
}

}  // namespace

Tensor masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                     const ConstTensorView& w, const MaskedOptions& options) {
  return fresh(Operand::data, Kind::convolve, dy, x, w, options);
}
void masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                   const ConstTensorView& w, const ResultView& dx,
                                   const MaskedOptions& options) {
  into(Operand::data, Kind::convolve, dy, x, w, dx, options);
}
GradientPlan plan_masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                                const ConstTensorView& w,
                                                const MaskedOptions& options) {
  return plan(Operand::data, Kind::convolve, dy, x, w, options);
}

Tensor masked_convolve_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                       const ConstTensorView& w, const MaskedOptions& options) {
  return fresh(Operand::filter, Kind::convolve, dy, x, w, options);
}
void masked_convolve_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                     const ConstTensorView& w, const ResultView& dw,
                                     const MaskedOptions& options) {
  into(Operand::filter, Kind::convolve, dy, x, w, dw, options);
}
GradientPlan plan_masked_convolve_filter_gradient(const ConstTensorView& dy,
                                                  const ConstTensorView& x,
                                                  const ConstTensorView& w,
                                                  const MaskedOptions& options) {
  return plan(Operand::filter, Kind::convolve, dy, x, w, options);
}

Tensor masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                      const ConstTensorView& w, const MaskedOptions& options) {
  return fresh(Operand::data, Kind::correlate, dy, x, w, options);
}
void masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                    const ConstTensorView& w, const ResultView& dx,
                                    const MaskedOptions& options) {
  into(Operand::data, Kind::correlate, dy, x, w, dx, options);
}
GradientPlan plan_masked_correlate_data_gradient(const ConstTensorView& dy,
                                                 const ConstTensorView& x, const ConstTensorView& w,
                                                 const MaskedOptions& options) {
  return plan(Operand::data, Kind::correlate, dy, x, w, options);
}

Tensor masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                        const ConstTensorView& w, const MaskedOptions& options) {
  return fresh(Operand::filter, Kind::correlate, dy, x, w, options);
}
void masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                      const ConstTensorView& w, const ResultView& dw,
                                      const MaskedOptions& options) {
  into(Operand::filter, Kind::correlate, dy, x, w, dw, options);
}
GradientPlan plan_masked_correlate_filter_gradient(const ConstTensorView& dy,
                                                   const ConstTensorView& x,
                                                   const ConstTensorView& w,
                                                   const MaskedOptions& options) {
  return plan(Operand::filter, Kind::correlate, dy, x, w, options);
}

}  // namespace faltung::image
