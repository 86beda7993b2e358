#include "cpp/cpu/direct/phases/phase_task.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "cpp/core/message.hpp"
#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/ways.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::direct {
namespace {

// Neighbouring input channels lie side by side in the filter of a gradient: they are packed
// together.
constexpr std::int64_t packed_channels = 16;

}  // namespace

// The forward filters of all phases, and their forms for the tasks that have one.
template <typename Acc>
struct PhaseTask<Acc>::Filters final : PreparedFilter {
  std::vector<Acc> values;
  std::vector<std::unique_ptr<PreparedFilter>> forms;
};

template <typename Acc>
bool PhaseTask<Acc>::serves(const Problem& p) {
  return has_phases(p) && std::ranges::all_of(phases(p), [&](const Phase& phase) {
           return phase.is_empty() || forward_way(forward_problem(p, phase)) != nullptr;
         });
}

template <typename Acc>
PhaseTask<Acc>::PhaseTask(const Problem& problem)
    : p_(problem),
      packer_(problem),
      result_(problem),
      to_(problem.pass == Pass::forward ? y_strides(problem) : x_strides(problem)),
      group_inputs_(problem.in_channels / problem.groups),
      group_outputs_(problem.out_channels / problem.groups),
      taps_(element_count(filter_extents(problem))),
      channels_(problem.result_channels()),
      inner_(problem.pass == Pass::forward ? group_inputs_ : group_outputs_) {
  for (const Phase& phase : phases(p_)) add_step(phase);
  // The longest first, so that the threads end together.
  std::ranges::stable_sort(steps_, std::greater{},
                           [](const Step& step) { return step.taps.size(); });
  std::size_t max = 0;
  for (const Step& step : steps_) {
    if (step.task) max = std::max(max, step.task->workspace_bytes());
    longest_row_ = std::max(longest_row_, step.results.back());
  }
  // All bits of a zero are 0, and one stretch of memory is cleared faster than places in it.
  const bool some_empty = std::ranges::any_of(steps_, [](const Step& step) { return !step.task; });
  const Strides& strides = p_.pass == Pass::forward ? p_.y_strides : p_.x_strides;
  clears_ = some_empty && p_.epilogue == Epilogue{} &&
            (strides.empty() || strides == compact_strides(p_.result_shape()));
  result_bytes_ =
      static_cast<std::size_t>(element_count(p_.result_shape())) * size_of(p_.result_dtype());
  layout_.slots = plan_threads(std::ssize(steps_), phases_us(p_));
  filter_ = layout_.shared.add<Acc>(packer_.size());
  filters_ = layout_.shared.add<Acc>(filters_size_);
  zeros_ = layout_.shared.add<Acc>(longest_row_);
  layout_.slot.add<std::byte>(static_cast<std::int64_t>(max));
}

template <typename Acc>
void PhaseTask<Acc>::add_step(const Phase& phase) {
  Step step{.task = nullptr,
            .first = 0,
            .taps = {},
            .filter = filters_size_,
            .results = {},
            .strides = {}};
  for (std::size_t a = 0; a < p_.rank(); ++a) {
    step.first += phase.parts[a].first * to_.spatial[a];
    step.results.push_back(phase.parts[a].count);
    step.strides.push_back(phase.parts[a].step * to_.spatial[a]);
  }
  if (!phase.is_empty()) {
    const Problem forward = forward_problem(p_, phase);
    step.task = forward_way(forward)->make(forward);
    step.taps = phase.taps(p_);
    filters_size_ += channels_ * inner_ * static_cast<std::int64_t>(step.taps.size());
  }
  steps_.push_back(std::move(step));
}

template <typename Acc>
ErrorBound PhaseTask<Acc>::error_bound() const {
  if (is_integer(p_.accumulator)) return {};
  ErrorBound bound{ErrorBound::Kind::elementwise, 0};
  for (const Step& step : steps_) {
    if (step.task) bound.constant = std::max(bound.constant, step.task->error_bound().constant);
  }
  return bound;
}

template <typename Acc>
std::string PhaseTask<Acc>::policy() const {
  if (steps_.size() == 1 && steps_[0].task) return message("1 phase; ", steps_[0].task->policy());
  return message(steps_.size(), " phases");
}

template <typename Acc>
PlanFacts PhaseTask<Acc>::facts() const {
  PlanFacts facts = cpu_facts(layout_.slots);
  for (const Step& step : steps_) {
    if (step.task) facts.threads = std::max(facts.threads, step.task->facts().threads);
  }
  return facts;
}

// The taps between one channel of the forward problems' results and one of their operand's group.
template <typename Acc>
const Acc* PhaseTask<Acc>::taps_of(const Acc* filter, std::int64_t outer,
                                   std::int64_t inner) const {
  if (p_.pass == Pass::forward) return filter + (outer * group_inputs_ + inner) * taps_;
  const std::int64_t k = outer / group_inputs_ * group_outputs_ + inner;
  return filter + (k * group_inputs_ + outer % group_inputs_) * taps_;
}

// What some channels of the result need of the filters: [outer, inner, taps] for each phase.
template <typename Acc>
void PhaseTask<Acc>::pack(const Acc* filter, std::int64_t first_channel, std::int64_t channels,
                          Acc* to) const {
  for (const Step& step : steps_) {
    const auto taps = static_cast<std::int64_t>(step.taps.size());
    for (std::int64_t inner = 0; inner < inner_; ++inner) {
      for (std::int64_t outer = first_channel; outer < first_channel + channels; ++outer) {
        const Acc* from = taps_of(filter, outer, inner);
        Acc* values = to + step.filter + (outer * inner_ + inner) * taps;
        for (std::int64_t t = 0; t < taps; ++t) {
          values[t] = from[step.taps[static_cast<std::size_t>(t)]];
        }
      }
    }
  }
}

template <typename Acc>
std::unique_ptr<PreparedFilter> PhaseTask<Acc>::prepare_filter(const Stream& stream,
                                                               const void* w) const {
  auto filters = std::make_unique<Filters>();
  filters->values.resize(static_cast<std::size_t>(filters_size_));
  std::vector<Acc> scratch(static_cast<std::size_t>(packer_.size()));
  pack(packer_.filter(w, scratch.data()), 0, channels_, filters->values.data());
  for (const Step& step : steps_) {
    filters->forms.push_back(
        step.task ? step.task->prepare_filter(stream, filters->values.data() + step.filter)
                  : nullptr);
  }
  return filters;
}

template <typename Acc>
void PhaseTask<Acc>::run(const RunArguments& arguments) const {
  std::fill_n(zeros_.at(arguments.workspace), longest_row_, Acc(0));
  if (clears_) std::memset(arguments.result, 0, result_bytes_);
  const auto* prepared = static_cast<const Filters*>(arguments.prepared);
  const Acc* values = prepared != nullptr ? prepared->values.data() : nullptr;
  if (prepared == nullptr) {
    const Acc* filter = packer_.filter(arguments, filter_.at(arguments.workspace));
    Acc* packed = filters_.at(arguments.workspace);
    parallel_for(ceil_divide(channels_, packed_channels), layout_.slots,
                 [&](std::int64_t block, int) {
                   const std::int64_t first = block * packed_channels;
                   pack(filter, first, std::min(packed_channels, channels_ - first), packed);
                 });
    values = packed;
  }
  parallel_for(static_cast<std::int64_t>(steps_.size()), layout_.slots,
               [&](std::int64_t i, int slot) {
                 const auto index = static_cast<std::size_t>(i);
                 const Step& step = steps_[index];
                 if (!step.task) return clears_ ? void() : store_zeros(arguments, step);
                 RunArguments own = arguments;
                 own.second = values + step.filter;
                 own.prepared = prepared != nullptr ? prepared->forms[index].get() : nullptr;
                 own.result = static_cast<std::byte*>(arguments.result) +
                              step.first * static_cast<std::int64_t>(size_of(p_.result_dtype()));
                 own.workspace = layout_.at(arguments.workspace, slot);
                 step.task->run(own);
               });
}

template <typename Acc>
void PhaseTask<Acc>::store_zeros(const RunArguments& arguments, const Step& step) const {
  const Acc* zeros = zeros_.at(arguments.workspace);
  const std::int64_t columns = step.results.back();
  for (std::int64_t b = 0; b < p_.batch; ++b) {
    for (std::int64_t c = 0; c < channels_; ++c) {
      for_each_index(slow_extents(step.results), [&](std::int64_t, const Extents& i) {
        result_.store(arguments, c, zeros, columns,
                      step.first + b * to_.outer + c * to_.channel + offset_of(i, step.strides),
                      step.strides.back());
      });
    }
  }
}

template class PhaseTask<float>;
template class PhaseTask<double>;
template class PhaseTask<std::complex<float>>;
template class PhaseTask<std::complex<double>>;
template class PhaseTask<std::uint32_t>;

}  // namespace faltung::direct
