#include "cpp/frontend/signal_masked.hpp"

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

// The convolution of an image of the working type with taps that the step keeps.
Step planned(bool correlates, const TensorView& x, Tensor taps, const MaskedOptions& o) {
  Lowering lowering = lower(x, taps,
                            {.correlation = correlates,
                             .mode = o.mode,
                             .sums = {.output = x.dtype, .accumulator = x.dtype}});
  lowering.plan = masked_plan_options(lowering.problem, o);
  Step step{.from = Place::x, .to = Place::y};
  step.plan = kept_plan(lowering.problem, x.device, lowering.plan);
  step.workspace_bytes = step.plan->workspace_bytes();
  step.run = [plan = step.plan, lowering = std::move(lowering),
              k = std::make_shared<const Tensor>(std::move(taps))](
                 const ConstTensorView& in, const TensorView& out, const Stream& stream,
                 const Workspace& workspace) {
    lowering.run(*plan, stream, in, *k, out, workspace);
  };
  return step;
}

// Whether every result meets all taps, and so elements of x alone.
bool all_taps_meet(const ConstTensorView& x, const ConstTensorView& k, Mode mode) {
  bool all = true;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    all = all && (mode == Mode::valid ? x.shape[i] >= k.shape[i] : k.shape[i] == 1);
  }
  return all;
}

}  // namespace

Problem masked_problem(bool correlates, const ConstTensorView& x, const ConstTensorView& k,
                       Mode mode, DType sums) {
  Problem p;
  p.input = p.filter = p.output = p.accumulator = sums;
  p.flip = !correlates;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const std::int64_t n = x.shape[i], m = k.shape[i];
    if (n == 1 && m == 1) continue;
    p.axes.push_back(window_axis(mode_window(mode, n, m), n, m));
  }
  if (p.axes.empty()) p.axes.emplace_back();
  return p;
}

PlanOptions masked_plan_options(const Problem& problem, const MaskedOptions& o) {
  PlanOptions options = plan_options(problem, o.method, o.run);
  if (o.method == Method::automatic) options.elementwise = o.run.engine.empty();
  options.allocator = {};  // the workspace is lent
  return options;
}

Shape masked_shape(const ConstTensorView& x, const ConstTensorView& k, Mode mode) {
  check_operands(x, k);
  Shape shape;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    shape.push_back(mode_window(mode, x.shape[i], k.shape[i]).count);
  }
  return shape;
}

namespace {

struct Shapes {
  Shape x, y;
};

std::optional<masked::Bands> bands_of(const masked::Taps& taps, Problem problem,
                                      const Shapes& shapes, const MaskedOptions& o) {
  Axis& first = problem.axes.front();
  masked::Bands b{.taps = first.filter, .before = first.pad_lo, .boundary = Boundary::zero()};
  b.rows = masked::rows_of_band(shapes.x, shapes.y, b.taps);
  if (b.rows == 0) return std::nullopt;
  for (std::size_t i = 1; i < problem.axes.size(); ++i) {
    b.ends = b.ends || problem.axes[i].pad_lo > 0 || problem.axes[i].pad_hi > 0;
  }
  first.input = b.rows + b.taps - 1;
  first.pad_lo = first.pad_hi = 0;
  const PlanOptions options = masked_plan_options(problem, o);
  const auto pass = [&](const Tensor& w) {
    return masked::CompactPass(problem, Pass::forward, options, Device::cpu(),
                               std::make_shared<const Tensor>(w.clone()));
  };
  b.data = pass(taps.data);
  b.divisors = pass(taps.equal ? taps.ones : taps.data);
  if (taps.counts_apart) b.counts = pass(taps.ones);
  b.slots = masked::slots_of(b, shapes.y);
  return b;
}

// Of a line or an image; outside is nothing.
std::optional<std::array<masked::WindowAxis, 2>> window_axes(const Problem& problem,
                                                             const Shape& x) {
  std::array<masked::WindowAxis, 2> axes;
  if (x.size() > 2 || problem.axes.size() != x.size()) return {};
  for (std::size_t i = 0; i < x.size(); ++i) {
    axes[i + 2 - x.size()] = {problem.axes[i].filter, problem.axes[i].pad_lo, Boundary::zero()};
  }
  return axes;
}

}  // namespace

masked::Masked masked_signal(bool correlates, const ConstTensorView& x, const ConstTensorView& k,
                             const MaskedOptions& o, bool keep, masked::Cut cut) {
  check_execution(o.run, x.device);
  const FloatEnvironment environment;
  const masked::Words words = masked::words_of(o);
  masked::Masked m{.types = masked::checked_types(x, k, "k", words),
                   .words = words,
                   .weights = {},
                   .taps = {},
                   .run = o.run,
                   .device = x.device,
                   .data = {},
                   .divisors = {},
                   .counts = {}};
  check_operands(x, k);
  m.weights = masked::checked_weights(o.weights, x, m.types.sums, keep);
  if (element_count(k.shape) == 0 || element_count(x.shape) == 0) {
    throw InvalidProblem(message("x has shape ", x.shape, " and k ", k.shape,
                                 "; convolution needs at least one element of each"));
  }
  m.taps = masked::prepare_taps(k, "k", m.types.sums, m.weights.given(), words);
  m.outside_counts = all_taps_meet(x, k, o.mode);
  const TensorView image{nullptr, m.types.sums, x.shape, compact_strides(x.shape), x.device};
  m.data = planned(correlates, image, m.taps.data.to(x.device), o);
  const masked::Taps& taps = m.taps;
  const bool local = m.data.plan->error_bound().kind != ErrorBound::Kind::normwise;
  if (cut == masked::Cut::bands && x.device.kind == DeviceKind::cpu && local && taps.divides) {
    const Problem problem = masked_problem(correlates, x, k, o.mode, m.types.sums);
    const Shape y = masked_shape(x, k, o.mode);
    if (const auto axes = window_axes(problem, x.shape)) {
      m.windows = masked::windows_of(m, x.shape, y, *axes, problem.flip);
      if (m.windows) return m;
    }
    m.bands = bands_of(m.taps, problem, {x.shape, y}, o);
    if (m.bands) return m;
  }
  if (taps.divides) {
    m.divisors = planned(correlates, image, (taps.equal ? taps.ones : taps.data).to(x.device), o);
  }
  if (taps.counts_apart) m.counts = planned(correlates, image, taps.ones.to(x.device), o);
  return m;
}

namespace {

Steps steps_of(bool correlates, const ConstTensorView& x, const ConstTensorView& k,
               const TensorView& y, const MaskedOptions& o, bool keep) {
  Steps steps(x, y);
  masked::add_masked(steps, masked_signal(correlates, x, k, o, keep, masked::Cut::bands));
  return steps;
}

TensorView compact_result(const ConstTensorView& x, const ConstTensorView& k,
                          const MaskedOptions& o) {
  const Shape shape = masked_shape(x, k, o.mode);
  return {nullptr, o.output.value_or(x.dtype), shape, compact_strides(shape), x.device};
}

Tensor fresh(bool correlates, const ConstTensorView& x, const ConstTensorView& k,
             const MaskedOptions& o) {
  check_execution(o.run, x.device);
  const Steps steps = steps_of(correlates, x, k, compact_result(x, k, o), o, false);
  Tensor y = new_tensor(steps.y().dtype, steps.y().shape, x.device, o.run);
  run_steps(steps, x, y, o.run);
  return y;
}

void into(bool correlates, const ConstTensorView& x, const ConstTensorView& k, const TensorView& y,
          const MaskedOptions& options) {
  check_output_of(y, options.output);
  MaskedOptions o = options;
  o.output = y.dtype;
  check_result(y, masked_shape(x, k, o.mode));
  const Steps steps = steps_of(correlates, x, k, y, o, false);
  check_apart(y, "y", k, "k");
  if (is_given(o.weights)) check_apart(y, "y", o.weights, "weights");
  run_steps(steps, x, y, o.run);
}

FilterPlan plan(bool correlates, const ConstTensorView& x, const ConstTensorView& k,
                const MaskedOptions& o) {
  check_for_plan(o.run);
  return FilterPlan(std::make_shared<const FilterPlan::State>(
      FilterPlan::State{steps_of(correlates, x, k, compact_result(x, k, o), o, true), o.run}));
}

}  // namespace

Tensor masked_convolve(const ConstTensorView& x, const ConstTensorView& k,
                       const MaskedOptions& options) {
  return fresh(false, x, k, options);
}
void masked_convolve(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                     const MaskedOptions& options) {
  into(false, x, k, y, options);
}
FilterPlan plan_masked_convolve(const ConstTensorView& x, const ConstTensorView& k,
                                const MaskedOptions& options) {
  return plan(false, x, k, options);
}

Tensor masked_correlate(const ConstTensorView& x, const ConstTensorView& k,
                        const MaskedOptions& options) {
  return fresh(true, x, k, options);
}
void masked_correlate(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
                      const MaskedOptions& options) {
  into(true, x, k, y, options);
}
FilterPlan plan_masked_correlate(const ConstTensorView& x, const ConstTensorView& k,
                                 const MaskedOptions& options) {
  return plan(true, x, k, options);
}

}  // namespace faltung::signal
