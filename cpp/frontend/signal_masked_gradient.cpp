// Gradients of masked convolution of signals.

#include <memory>
#include <utility>

#include "cpp/core/float_environment.hpp"
#include "cpp/frontend/masked_gradient.hpp"
#include "cpp/frontend/signal_lowering.hpp"
#include "cpp/frontend/signal_masked.hpp"

namespace faltung::signal {
namespace {

using masked::Gradient;
using masked::Operand;

Gradient make(Operand of, bool correlates, const ConstTensorView& dy, const ConstTensorView& x,
              const ConstTensorView& k, const MaskedOptions& o, bool keep) {
  Gradient g{.of = of,
             .name = of == Operand::data ? "dx" : "dk",
             .filter_name = "k",
             .masked = masked_signal(correlates, x, k, o, keep, masked::Cut::whole),
             .dy = dy,
             .x = x,
             .result = {},
             .of_sums = {},
             .of_divisors = {},
             .order = {}};
  g.dy.data = g.x.data = nullptr;
  masked::check_gradient(dy, g.masked, masked_shape(x, k, o.mode), x.device);
  const DType sums = g.masked.types.sums;
  const Problem problem = masked_problem(correlates, x, k, o.mode, sums);
  const PlanOptions options = masked_plan_options(problem, o);
  if (of == Operand::data) {
    g.result = {nullptr, x.dtype, x.shape, compact_strides(x.shape), x.device};
    const FloatEnvironment environment;
    const auto taps = std::make_shared<const Tensor>(g.masked.taps.data.to(x.device));
    g.of_sums.emplace(problem, Pass::backward_data, options, x.device, taps);
    return g;
  }
  g.result = {nullptr, sums, k.shape, compact_strides(k.shape), x.device};
  for (std::size_t i = 0; i < k.shape.size(); ++i) {
    g.order.push_back(static_cast<std::int64_t>(i));
  }
  g.of_sums.emplace(problem, Pass::backward_filter, options, x.device, nullptr);
  if (g.masked.taps.divides) g.of_divisors = g.of_sums;
  return g;
}

Tensor fresh(Operand of, bool correlates, const ConstTensorView& dy, const ConstTensorView& x,
             const ConstTensorView& k, const MaskedOptions& o) {
  return masked::gradient(make(of, correlates, dy, x, k, o, false), dy, x);
}

void into(Operand of, bool correlates, const ConstTensorView& dy, const ConstTensorView& x,
          const ConstTensorView& k, const TensorView& to, const MaskedOptions& o) {
  masked::gradient_into(make(of, correlates, dy, x, k, o, false), dy, x, k, o.weights, to);
}

GradientPlan plan(Operand of, bool correlates, const ConstTensorView& dy, const ConstTensorView& x,
                  const ConstTensorView& k, const MaskedOptions& o) {
  check_for_plan(o.run);
  return masked::plan_gradient(make(of, correlates, dy, x, k, o, true));
}

}  // namespace

Tensor masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                     const ConstTensorView& k, const MaskedOptions& options) {
  return fresh(Operand::data, false, dy, x, k, options);
}
void masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                   const ConstTensorView& k, const ResultView& dx,
                                   const MaskedOptions& options) {
  into(Operand::data, false, dy, x, k, dx, options);
}
GradientPlan plan_masked_convolve_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                                const ConstTensorView& k,
                                                const MaskedOptions& options) {
  return plan(Operand::data, false, dy, x, k, options);
}

Tensor masked_convolve_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                       const ConstTensorView& k, const MaskedOptions& options) {
  return fresh(Operand::filter, false, dy, x, k, options);
}
void masked_convolve_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                     const ConstTensorView& k, const ResultView& dk,
                                     const MaskedOptions& options) {
  into(Operand::filter, false, dy, x, k, dk, options);
}
GradientPlan plan_masked_convolve_filter_gradient(const ConstTensorView& dy,
                                                  const ConstTensorView& x,
                                                  const ConstTensorView& k,
                                                  const MaskedOptions& options) {
  return plan(Operand::filter, false, dy, x, k, options);
}

Tensor masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                      const ConstTensorView& k, const MaskedOptions& options) {
  return fresh(Operand::data, true, dy, x, k, options);
}
void masked_correlate_data_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                    const ConstTensorView& k, const ResultView& dx,
                                    const MaskedOptions& options) {
  into(Operand::data, true, dy, x, k, dx, options);
}
GradientPlan plan_masked_correlate_data_gradient(const ConstTensorView& dy,
                                                 const ConstTensorView& x, const ConstTensorView& k,
                                                 const MaskedOptions& options) {
  return plan(Operand::data, true, dy, x, k, options);
}

Tensor masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                        const ConstTensorView& k, const MaskedOptions& options) {
  return fresh(Operand::filter, true, dy, x, k, options);
}
void masked_correlate_filter_gradient(const ConstTensorView& dy, const ConstTensorView& x,
                                      const ConstTensorView& k, const ResultView& dk,
                                      const MaskedOptions& options) {
  into(Operand::filter, true, dy, x, k, dk, options);
}
GradientPlan plan_masked_correlate_filter_gradient(const ConstTensorView& dy,
                                                   const ConstTensorView& x,
                                                   const ConstTensorView& k,
                                                   const MaskedOptions& options) {
  return plan(Operand::filter, true, dy, x, k, options);
}

}  // namespace faltung::signal
