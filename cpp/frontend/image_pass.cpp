#include "cpp/frontend/image_pass.hpp"

#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/outer_product.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/method.hpp"

namespace faltung::image {
namespace {

// One axis of the problem: a filtered axis of x, or neighbouring unfiltered ones that step as one
// in x and in y.
struct Group {
  std::int64_t extent = 1;
  std::int64_t x_step = 1;
  std::int64_t y_step = 1;
  const PassAxis* filter = nullptr;
  std::int64_t taps = 1;
  std::int64_t w_step = 1;
};

std::vector<Group> group_axes(const ConstTensorView& x, const TensorView& y,
                              const FilterPass& pass) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    Group group{.extent = x.shape[i], .x_step = x.strides[i], .y_step = y.strides[i]};
    for (std::size_t r = 0; r < pass.axes.size(); ++r) {
      if (pass.axes[r].axis != i) continue;
      group.filter = &pass.axes[r];
      group.taps = pass.w.shape[r];
      group.w_step = pass.w.strides[r];
    }
    if (group.filter == nullptr && group.extent == 1) continue;
    if (group.filter == nullptr && !groups.empty() && groups.back().filter == nullptr) {
      Group& last = groups.back();
      if (last.x_step == group.extent * group.x_step &&
          last.y_step == group.extent * group.y_step) {
        last.extent *= group.extent;
        last.x_step = group.x_step;
        last.y_step = group.y_step;
        continue;
      }
    }
    groups.push_back(group);
  }
  return groups;
}

// The first unfiltered group becomes the batch, the others spatial axes.
LoweredPass lower(const ConstTensorView& x, const TensorView& y, const FilterPass& pass) {
  std::vector<Group> groups = group_axes(x, y, pass);
  Group batch;
  if (groups.size() > 1 && groups.front().filter == nullptr) {
    batch = groups.front();
    groups.erase(groups.begin());
  }
  if (groups.empty()) groups.emplace_back();
  if (groups.size() > max_spatial_rank) {
    throw InvalidProblem(message("x of shape ", x.shape, " needs ", groups.size(),
                                 " separate axes for this filter, at most ", max_spatial_rank,
                                 " are possible; filter fewer axes at once"));
  }
  LoweredPass l{.problem = {}, .options = {}, .x = x, .w = pass.w, .y = y, .taps = {}, .model = {}};
  l.problem.batch = batch.extent;
  l.x.shape = l.y.shape = {batch.extent, 1};
  l.x.strides = {batch.x_step, 1};
  l.y.strides = {batch.y_step, 1};
  l.w.shape = l.w.strides = {1, 1};
  for (const Group& group : groups) {
    const PassAxis where = group.filter == nullptr ? PassAxis{} : *group.filter;
    l.problem.axes.push_back({.input = group.extent,
                              .filter = group.taps,
                              .pad_lo = where.pad_lo,
                              .pad_hi = group.taps - 1 - where.pad_lo,
                              .below = where.boundary,
                              .above = where.boundary});
    l.x.shape.push_back(group.extent);
    l.x.strides.push_back(group.x_step);
    l.w.shape.push_back(group.taps);
    l.w.strides.push_back(group.w_step);
    l.y.strides.push_back(group.y_step);
  }
  l.y.shape = l.x.shape;
  if (!is_compact(l.x)) l.problem.x_strides = l.x.strides;
  if (!is_compact(l.y)) l.problem.y_strides = l.y.strides;
  return l;
}

// The outer products that a filter of two axes and more is the sum of; 0 if unknown. Sums of
// several are not formed of whole numbers, nor rounded to them: a last bit may be a whole unit.
std::int64_t outer_products(const ConstTensorView& w, const Problem& p) {
  const std::int64_t terms = outer_terms(w, p.accumulator);
  return terms > 1 && (is_integer(p.accumulator) || is_integer(p.output)) ? 0 : terms;
}

PlanOptions options_for(const Problem& problem, const Call& call, Locality locality) {
  PlanOptions options = plan_options(problem, call.method, call.run);
  if (locality == Locality::own_products && call.method == Method::automatic) {
    options.elementwise = call.run.engine.empty();
  }
  return options;
}

// Names the way that the planner takes for the shape that choices are made for.
void choose_for(LoweredPass& l, const ConstTensorView& x, const TensorView& y,
                const FilterPass& pass, const Call& call, Locality locality) {
  const Shape& shape = call.chosen_for;
  Call whole = call;
  whole.chosen_for = {};
  const ConstTensorView input{nullptr, x.dtype, shape, compact_strides(shape), x.device};
  const TensorView output{nullptr, y.dtype, shape, compact_strides(shape), y.device};
  LoweredPass model = lower_pass(input, output, pass, whole, locality);
  model.options.allocator = {};
  l.model = kept_plan(model.problem, x.device, model.options);
  l.options.engine = l.model->engine() + "/" + l.model->way();
}

}  // namespace

LoweredPass lower_pass(const ConstTensorView& x, const TensorView& y, const FilterPass& pass,
                       const Call& call, Locality locality) {
  LoweredPass l = lower(x, y, pass);
  l.problem.input = x.dtype;
  l.problem.output = y.dtype;
  l.problem.overflow = call.store.overflow;
  l.problem.rounding = call.store.rounding;
  l.problem.flip = pass.flip;
  l.problem.conjugate = pass.conjugate;
  l.problem.epilogue.alpha = pass.alpha;
  l.problem.epilogue.beta = pass.beta;
  SumTypes types = sum_types(x.dtype, y.dtype, is_complex(pass.w.dtype),
                             whole_type(pass.w, call.store.overflow), pass, call);
  if (is_integer(types.accumulator) && call.store.overflow == Overflow::saturate) {
    types = saturating_types(l.problem, types);
  }
  l.problem.filter = types.filter;
  l.problem.accumulator = types.accumulator;

  Tensor w;
  if (l.w.device.kind == DeviceKind::cpu) {
    w = copy_weights(l.w, types.filter);
    l.problem.separable = outer_products(w, l.problem);
    // In a sum of several a tap of 0 is what two others leave when they cancel: a product with an
    // element that is none of the result's own.
    if (locality == Locality::own_products && l.problem.separable > 1) l.problem.separable = 0;
    if (x.device.kind != DeviceKind::cpu) w = w.to(x.device);
    l.taps = std::make_shared<const Tensor>(std::move(w));
    l.w = l.taps->view();
  } else if (l.w.dtype != types.filter) {
    throw InvalidProblem(message("w is on ", l.w.device, " with type ", name(l.w.dtype),
                                 ", these sums need ", name(types.filter),
                                 "; convert it, or pass it on the cpu"));
  } else if (!is_compact(l.w)) {
    l.problem.w_strides = l.w.strides;
  }
  l.options = options_for(l.problem, call, locality);
  if (!call.chosen_for.empty()) choose_for(l, x, y, pass, call, locality);
  return l;
}

PlannedPass plan_pass(const ConstTensorView& x, const TensorView& y, const FilterPass& pass,
                      const Call& call, Locality locality) {
  LoweredPass l = lower_pass(x, y, pass, call, locality);
  l.options.allocator = {};  // the workspace is lent
  std::shared_ptr<const Plan> plan;
  try {
    plan = kept_plan(l.problem, x.device, l.options);
  } catch (const NoEngine&) {
    if (!l.model) throw;
    // A way that is none for a part so small.
    l.options.engine = call.run.engine;
    plan = kept_plan(l.problem, x.device, l.options);
  }
  const double estimate_us = (l.model ? *l.model : *plan).estimate_us();
  return {l.x, l.w, l.y, std::move(l.taps), std::move(plan), estimate_us};
}

Step step_of(Place from, Place to, PlannedPass pass) {
  Step step{.from = from, .to = to, .workspace_bytes = pass.plan->workspace_bytes()};
  step.plan = pass.plan;
  step.run = [pass = std::move(pass)](const ConstTensorView& x, const TensorView& y,
                                      const Stream& stream, const Workspace& workspace) {
    ConstTensorView in = pass.x;
    TensorView out = pass.y;
    in.data = x.data;
    out.data = y.data;
    pass.plan->run(stream, in, pass.w, out, workspace);
  };
  return step;
}

Line centred_line(std::size_t axis, std::initializer_list<double> taps, const Boundary& boundary) {
  const auto count = static_cast<std::int64_t>(taps.size());
  return {{axis, count / 2, boundary}, Tensor::from<double>(taps, {count})};
}

}  // namespace faltung::image
