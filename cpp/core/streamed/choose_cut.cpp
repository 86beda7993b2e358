#include "cpp/core/streamed/choose_cut.hpp"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <optional>

#include <faltung/error.hpp>
#include <faltung/measure.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/planner.hpp"
#include "cpp/core/streamed/rows.hpp"

namespace faltung::streamed {
namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

std::int64_t pieces_of(const Cut& all, const Cut& cut) {
  const auto parts = [](std::int64_t extent, std::int64_t size) {
    return (extent + size - 1) / size;
  };
  double count = 1;
  for (const auto field :
       {&Cut::batch, &Cut::groups, &Cut::out_channels, &Cut::in_channels, &Cut::rows}) {
    count *= static_cast<double>(parts(all.*field, cut.*field));
  }
  return count > static_cast<double>(most_pieces) ? most_pieces + 1
                                                  : static_cast<std::int64_t>(count);
}

/// Bytes of the data of a cut, from a piece in the middle.
double bytes_about(const Problem& problem, const Cut& cut) {
  Problem p = problem;
  p.batch = cut.batch;
  p.groups = cut.groups;
  p.in_channels = cut.groups * cut.in_channels;
  p.out_channels = cut.groups * cut.out_channels;
  p.x_strides = p.w_strides = p.y_strides = {};
  Axis& axis = p.axes[row_axis(problem)];
  if (cut.rows < whole(problem).rows) {
    const bool data = problem.pass == Pass::backward_data;
    const std::int64_t extent = data ? axis.input : axis.output();
    const std::int64_t middle = (extent - cut.rows) / 2;
    axis = (data ? input_part(axis, middle, cut.rows) : output_part(axis, middle, cut.rows)).axis;
  }
  const auto bytes = [](const Shape& part, const Shape& all, DType type) {
    const double size =
        static_cast<double>(element_count(part)) * static_cast<double>(size_of(type));
    return part == all ? size : static_cast<double>(ring) * size;
  };
  return bytes(p.x_shape(), problem.x_shape(), p.input) +
         bytes(p.w_shape(), problem.w_shape(), p.filter) +
         bytes(p.y_shape(), problem.y_shape(), p.output);
}

/// Cuts from whole to finest, one thing halved after the other.
std::vector<Cut> cuts_in_order(const Problem& problem,
                               std::initializer_list<std::int64_t Cut::*> order) {
  const Cut least = finest(problem);
  Cut cut = whole(problem);
  std::vector<Cut> cuts = {cut};
  for (const auto field : order) {
    // Channels of one group alone.
    const bool channels = field == &Cut::out_channels || field == &Cut::in_channels;
    if (channels && cut.groups > 1) continue;
    while (cut.*field > least.*field) {
      cut.*field = std::max((cut.*field + 1) / 2, least.*field);
      cuts.push_back(cut);
    }
  }
  return cuts;
}

/// Images first; then channels or rows; sums last, whose parts are added in memory.
std::vector<std::vector<Cut>> orders(const Problem& problem) {
  constexpr auto n = &Cut::batch, g = &Cut::groups, k = &Cut::out_channels, c = &Cut::in_channels,
                 r = &Cut::rows;
  switch (problem.pass) {
    case Pass::forward:
      return {cuts_in_order(problem, {n, g, k, r, c}), cuts_in_order(problem, {n, r, g, k, c}),
              cuts_in_order(problem, {g, k, n, r, c})};
    case Pass::backward_data:
      return {cuts_in_order(problem, {n, g, c, r, k}), cuts_in_order(problem, {n, r, g, c, k}),
              cuts_in_order(problem, {g, c, n, r, k})};
    case Pass::backward_filter:
      break;
  }
  return {cuts_in_order(problem, {n, r, g, k, c}), cuts_in_order(problem, {g, k, c, n, r}),
          cuts_in_order(problem, {g, k, n, r, c})};
}

/// A cut that may be taken.
struct Option {
  Cut cut;
  double total_us = 0;   ///< on one device
  double shared_us = 0;  ///< on several
};

double estimate(const Problem& part, const Device& device, const PlanOptions& options) {
  double best = std::numeric_limits<double>::infinity();
  for (const Candidate& way : way_candidates(part, device, options)) {
    if (way.supported) best = std::min(best, way.estimate_us);
  }
  return best;
}

Option rated(const Problem& problem, const Cut& cut, const Pieces& made, const Device& device,
             const PlanOptions& options, const Link& link) {
  std::vector<double> estimates;
  for (const Problem& part : made.problems) estimates.push_back(estimate(part, device, options));
  Option option{cut, 0, 0};
  option.total_us = timeline(problem, made, dealt(made, 0, 1), estimates, link).total_us;
  constexpr std::size_t several = 8;
  option.shared_us = timeline(problem, made, dealt(made, 0, several), estimates, link).total_us;
  return option;
}

/// The first five cuts of each order that fit, the fastest first. Among those that are about as
/// fast the one goes first that keeps several devices busy, however many there are.
std::vector<Cut> ranked(const Problem& problem, const Device& device, const PlanOptions& options,
                        std::size_t limit, const Link& link) {
  constexpr int kept = 5;
  const Cut all = whole(problem);
  std::vector<Option> found;
  for (const std::vector<Cut>& order : orders(problem)) {
    int fitting = 0;
    for (const Cut& cut : order) {
      if (fitting == kept || pieces_of(all, cut) > most_pieces) break;
      if (bytes_about(problem, cut) > static_cast<double>(limit)) continue;
      const Pieces made = cut_problem(problem, cut);
      if (footprint(problem, made).workspace_offset > limit) continue;
      ++fitting;
      if (std::ranges::find(found, cut, &Option::cut) != found.end()) continue;
      found.push_back(rated(problem, cut, made, device, options, link));
    }
  }
  std::ranges::stable_sort(found, {}, &Option::total_us);
  if (!found.empty()) {
    const double good = 1.1 * found.front().total_us;
    const auto rest =
        std::ranges::find_if(found, [&](const Option& option) { return option.total_us > good; });
    std::stable_sort(found.begin(), rest,
                     [](const Option& a, const Option& b) { return a.shared_us < b.shared_us; });
  }
  std::vector<Cut> cuts;
  for (const Option& option : found) cuts.push_back(option.cut);
  return cuts;
}

/// Plans of all pieces within the limit; none if a piece has no engine there.
std::optional<CutPlan> planned(const Problem& problem, const Cut& cut,
                               const std::vector<Device>& devices, const PlanOptions& options,
                               std::size_t limit, std::string& reason) {
  CutPlan plan;
  plan.cut = cut;
  plan.made = cut_problem(problem, cut);
  plan.places = footprint(problem, plan.made);
  if (plan.places.workspace_offset > limit) return std::nullopt;
  PlanOptions within = options;
  within.workspace_limit = std::min(options.workspace_limit, limit - plan.places.workspace_offset);
  try {
    for (const Device& device : devices) {
      std::vector<Plan>& plans = plan.plans.emplace_back();
      for (const Problem& part : plan.made.problems) {
        plans.push_back(Plan::make(part, device, within));
        plan.workspace_bytes = std::max(plan.workspace_bytes, plans.back().workspace_bytes());
      }
    }
  } catch (const NoEngine& error) {
    reason = error.what();
    return std::nullopt;
  }
  for (const Plan& each : plan.plans.front()) plan.estimates_us.push_back(each.estimate_us());
  return plan;
}

/// What a cut needs at least, or `none` if no limit helps.
std::size_t least_bytes(const Problem& problem, const Cut& cut, const Device& device,
                        PlanOptions options) {
  const Pieces made = cut_problem(problem, cut);
  const std::size_t most = std::min(options.workspace_limit, none);
  options.workspace_limit = 0;
  std::size_t workspace = 0;
  for (const Problem& part : made.problems) {
    const Choice choice = choose_engine(part, device, options);
    if (choice.engine != nullptr) continue;
    if (choice.least_by.empty() || choice.least_bytes > most) return none;
    workspace = std::max(workspace, choice.least_bytes);
  }
  return footprint(problem, made).workspace_offset + workspace;
}

/// The least over the finest cuts that are not too many pieces.
std::size_t least_limit(const Problem& problem, const Device& device, const PlanOptions& options) {
  const Cut all = whole(problem);
  std::size_t least = none;
  for (const std::vector<Cut>& order : orders(problem)) {
    const auto last = std::ranges::find_if(
        order, [&](const Cut& cut) { return pieces_of(all, cut) > most_pieces; });
    if (last == order.begin()) continue;
    least = std::min(least, least_bytes(problem, *std::prev(last), device, options));
  }
  return least;
}

}  // namespace

CutPlan choose_cut(const Problem& problem, const std::vector<Device>& devices,
                   const PlanOptions& options, std::size_t limit, const Link& link) {
  std::string reason;
  for (const Cut& cut : ranked(problem, devices.front(), options, limit, link)) {
    if (auto plan = planned(problem, cut, devices, options, limit, reason)) return std::move(*plan);
  }
  const std::size_t least = least_limit(problem, devices.front(), options);
  std::string text =
      message("no cut of [", problem, "] fits into ", limit, " bytes of ", devices.front());
  if (least == none) {
    text += message(", nor into more", reason.empty() ? "" : "; of a piece: ", reason);
  } else {
    text += message("; the least that does is ", least,
                    " bytes: raise StreamedOptions::memory_limit to that");
  }
  throw NoEngine(text);
}

}  // namespace faltung::streamed
