#include "cpp/frontend/image_masked.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"

namespace faltung::image {
namespace {

Step planned(const FilterPass& pass, const TensorView& image, const Call& call) {
  return step_of(Place::x, Place::y, plan_pass(image, image, pass, call, Locality::own_products));
}

// The rows of a band, without a boundary along the first axis.
masked::CompactPass of_band(const FilterPass& pass, const TensorView& rows, bool filtered,
                            const Call& call) {
  LoweredPass lowered = lower_pass(rows, rows, pass, call, Locality::own_products);
  if (filtered) {
    Axis& axis = lowered.problem.axes.front();
    axis.pad_lo = axis.pad_hi = 0;
    axis.below = axis.above = Boundary::zero();
  }
  return {lowered.problem, Pass::forward, lowered.options, rows.device, lowered.taps};
}

std::optional<masked::Bands> bands_of(const masked::Taps& taps, const FilterPass& data,
                                      const FilterPass& weights, const FilterPass& counts,
                                      const TensorView& image, const Call& call) {
  masked::Bands b;
  bool filtered = false;
  for (std::size_t r = 0; r < data.axes.size(); ++r) {
    const PassAxis& axis = data.axes[r];
    if (axis.axis == 0) {
      filtered = true;
      b.taps = data.w.shape[r];
      b.before = axis.pad_lo;
      b.boundary = axis.boundary;
    } else if (axis.boundary.kind == BoundaryKind::zero && data.w.shape[r] > 1) {
      b.ends = true;
    }
  }
  b.rows = masked::rows_of_band(image.shape, image.shape, b.taps);
  if (b.rows == 0) return std::nullopt;
  TensorView rows = image;
  rows.shape[0] = b.rows + b.taps - 1;
  b.data = of_band(data, rows, filtered, call);
  b.divisors = of_band(weights, rows, filtered, call);
  if (taps.counts_apart) b.counts = of_band(counts, rows, filtered, call);
  b.slots = masked::slots_of(b, image.shape);
  return b;
}

// Of a line or an image whose axes have their own order in the filter.
std::optional<std::array<masked::WindowAxis, 2>> window_axes(const FilterPass& pass,
                                                             const Shape& x) {
  std::array<masked::WindowAxis, 2> axes;
  if (x.empty() || x.size() > 2) return {};
  for (std::size_t r = 0; r < pass.axes.size(); ++r) {
    const PassAxis& axis = pass.axes[r];
    if (r > 0 && pass.axes[r - 1].axis > axis.axis) return {};
    axes[axis.axis + 2 - x.size()] = {pass.w.shape[r], axis.pad_lo, axis.boundary};
  }
  return axes;
}

}  // namespace

FilterPass pass_of_weights(FilterPass pass) {
  for (PassAxis& axis : pass.axes) {
    if (axis.boundary.kind == BoundaryKind::constant) axis.boundary = Boundary::constant(1);
  }
  return pass;
}

MaskedImage masked_image(Kind kind, const ConstTensorView& x, const ConstTensorView& w,
                         const MaskedOptions& o, bool keep, masked::Cut cut) {
  check_execution(o.run, x.device);
  const FloatEnvironment environment;
  const masked::Words words = masked::words_of(o);
  const masked::Types types = masked::checked_types(x, w, "w", words);
  const TensorView y{nullptr, types.result, x.shape, compact_strides(x.shape), x.device};
  check_call(x, y, o.output, {.accumulator = o.accumulator});
  MaskedImage made{.masked = {.types = types,
                              .words = words,
                              .weights = {},
                              .taps = {},
                              .run = o.run,
                              .device = x.device,
                              .data = {},
                              .divisors = {},
                              .counts = {}},
                   .pass = {}};
  masked::Masked& m = made.masked;
  m.weights = masked::checked_weights(o.weights, x, types.sums, keep);
  // Checks w before it is read.
  made.pass = make_pass(kind, w, checked_axes(o.axes, x.shape.size()), o.boundary, o.origin);
  m.taps = masked::prepare_taps(w, "w", types.sums, m.weights.given(), words);
  for (const PassAxis& axis : made.pass.axes) {
    if (axis.boundary.kind == BoundaryKind::zero) m.outside_counts = false;
  }
  const TensorView image{nullptr, types.sums, x.shape, compact_strides(x.shape), x.device};
  const Call call{.method = o.method, .run = o.run};
  made.pass.w = m.taps.data;
  m.data = planned(made.pass, image, call);
  FilterPass weights = pass_of_weights(made.pass);
  FilterPass counts = weights;
  if (m.taps.equal) weights.w = m.taps.ones;
  counts.w = m.taps.ones;
  const bool local = m.data.plan->error_bound().kind != ErrorBound::Kind::normwise;
  if (cut == masked::Cut::bands && x.device.kind == DeviceKind::cpu && local && m.taps.divides) {
    if (const auto axes = window_axes(made.pass, x.shape)) {
      m.windows = masked::windows_of(m, x.shape, x.shape, *axes, made.pass.flip);
      if (m.windows) return made;
    }
    m.bands = bands_of(m.taps, made.pass, weights, counts, image, call);
    if (m.bands) return made;
  }
  if (m.taps.divides) m.divisors = planned(weights, image, call);
  if (m.taps.counts_apart) m.counts = planned(counts, image, call);
  return made;
}

namespace {

Steps steps_of(Kind kind, const ConstTensorView& x, const ConstTensorView& w, const TensorView& y,
               const MaskedOptions& o, bool keep) {
  masked::Masked masked = masked_image(kind, x, w, o, keep, masked::Cut::bands).masked;
  check_call(x, y, o.output, {.accumulator = o.accumulator});
  Steps steps(x, y);
  masked::add_masked(steps, std::move(masked));
  return steps;
}

// The view's type is that of the result.
MaskedOptions with_output(const TensorView& y, MaskedOptions o) {
  if (!o.output) o.output = y.dtype;
  return o;
}

Tensor fresh(Kind kind, const ConstTensorView& x, const ConstTensorView& w,
             const MaskedOptions& o) {
  check_execution(o.run, x.device);
  Tensor y = new_tensor(o.output.value_or(x.dtype), x.shape, x.device, o.run);
  run_steps(steps_of(kind, x, w, y, o, false), x, y, o.run);
  return y;
}

void into(Kind kind, const ConstTensorView& x, const ConstTensorView& w, const TensorView& y,
          const MaskedOptions& o) {
  const Steps steps = steps_of(kind, x, w, y, with_output(y, o), false);
  check_apart(y, "y", w, "w");
  if (is_given(o.weights)) check_apart(y, "y", o.weights, "weights");
  run_steps(steps, x, y, o.run);
}

FilterPlan plan(Kind kind, const ConstTensorView& x, const ConstTensorView& w,
                const MaskedOptions& o) {
  check_for_plan(o.run);
  const TensorView y{nullptr, o.output.value_or(x.dtype), x.shape, compact_strides(x.shape),
                     x.device};
  return FilterPlan(std::make_shared<const FilterPlan::State>(
      FilterPlan::State{steps_of(kind, x, w, y, o, true), o.run}));
}

}  // namespace

Tensor masked_convolve(const ConstTensorView& x, const ConstTensorView& w,
                       const MaskedOptions& options) {
  return fresh(Kind::convolve, x, w, options);
}
void masked_convolve(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                     const MaskedOptions& options) {
  into(Kind::convolve, x, w, y, options);
}
FilterPlan plan_masked_convolve(const ConstTensorView& x, const ConstTensorView& w,
                                const MaskedOptions& options) {
  return plan(Kind::convolve, x, w, options);
}

Tensor masked_correlate(const ConstTensorView& x, const ConstTensorView& w,
                        const MaskedOptions& options) {
  return fresh(Kind::correlate, x, w, options);
}
void masked_correlate(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                      const MaskedOptions& options) {
  into(Kind::correlate, x, w, y, options);
}
FilterPlan plan_masked_correlate(const ConstTensorView& x, const ConstTensorView& w,
                                 const MaskedOptions& options) {
  return plan(Kind::correlate, x, w, options);
}

}  // namespace faltung::image
