#include "cpp/cpu/direct/pieces/phase_pieces_task.hpp"

#include <algorithm>

#include "cpp/core/geometry.hpp"
#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/lowering.hpp"
#include "cpp/cpu/direct/phases/phases.hpp"
#include "cpp/cpu/direct/pieces/piece_policy.hpp"
#include "cpp/cpu/direct/pieces/piece_task.hpp"
#include "cpp/cpu/layout_strides.hpp"

namespace faltung::direct {
namespace {

struct PhaseFilter {
  Problem problem;
  std::int64_t first;  ///< its first tap, in elements
};

// The problem of a phase with its filter where it lies in that of the whole.
PhaseFilter phase_filter(const Problem& p, const Phase& phase) {
  const bool gradient = p.pass == Pass::backward_data;
  PhaseFilter result{.problem = forward_problem(p, phase), .first = 0};
  TensorStrides w = w_strides(p);
  if (gradient && p.groups == 1) std::swap(w.outer, w.channel);
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Phase::Part& part = phase.parts[a];
    // Of a gradient the taps are reversed, and so they lie in memory where the problem flips them.
    const std::int64_t tap =
        gradient ? part.first_tap + (part.taps - 1) * part.tap_step : part.first_tap;
    const std::int64_t place = p.flip ? p.axes[a].filter - 1 - tap : tap;
    result.first += place * w.spatial[a];
    w.spatial[a] *= gradient == p.flip ? part.tap_step : -part.tap_step;
  }
  result.problem.filter = p.filter;
  result.problem.w_strides = layout_strides(p.layout, w);
  return result;
}

}  // namespace

bool PhasePiecesTask::serves(const Problem& p) {
  const bool gradient = p.pass == Pass::backward_data;
  const bool depthwise = p.groups == p.in_channels && p.groups == p.out_channels;
  if (is_complex(p.accumulator) || (gradient && p.groups > 1 && !depthwise)) return false;
  return has_phases(p) && std::ranges::none_of(phases(p), [&](const Phase& phase) {
           return phase.is_empty() || !fits_in_pieces(lowered(phase_filter(p, phase).problem));
         });
}

PhasePiecesTask::PhasePiecesTask(const Problem& p) {
  const TensorStrides to = p.pass == Pass::forward ? y_strides(p) : x_strides(p);
  for (const Phase& phase : phases(p)) {
    const PhaseFilter filter = phase_filter(p, phase);
    std::int64_t result = 0;
    for (std::size_t a = 0; a < p.rank(); ++a) result += phase.parts[a].first * to.spatial[a];
    steps_.push_back({visit_accumulator(p.accumulator,
                                        [&](auto zero) -> std::unique_ptr<Task> {
                                          return std::make_unique<PieceTask<decltype(zero)>>(
                                              lowered(filter.problem));
                                        }),
                      filter.first * static_cast<std::int64_t>(size_of(p.filter)),
                      result * static_cast<std::int64_t>(size_of(p.result_dtype()))});
  }
}

ErrorBound PhasePiecesTask::error_bound() const {
  ErrorBound bound = steps_.front().task->error_bound();
  for (const Step& step : steps_) {
    bound.constant = std::max(bound.constant, step.task->error_bound().constant);
  }
  return bound;
}

std::string PhasePiecesTask::policy() const {
  return message(steps_.size(), " phases; ", steps_.front().task->policy());
}

PlanFacts PhasePiecesTask::facts() const { return steps_.front().task->facts(); }

void PhasePiecesTask::run(const RunArguments& arguments) const {
  for (const Step& step : steps_) {
    RunArguments own = arguments;
    own.second = static_cast<const std::byte*>(arguments.second) + step.w;
    own.result = static_cast<std::byte*>(arguments.result) + step.result;
    step.task->run(own);
  }
}

}  // namespace faltung::direct
