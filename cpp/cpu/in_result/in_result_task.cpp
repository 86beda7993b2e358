#include "cpp/cpu/in_result/in_result_task.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung {
namespace {

// A filter in more parts than this is left to tasks without a workspace, and so is what is left of
// the result when there are more steps.
constexpr std::int64_t max_tap_parts = 64;
constexpr std::size_t max_steps = 512;

// Whether sums of some taps can wait in the result for the others; integers wrap there as they do
// in the end.
bool adds_in_result(const Problem& p) {
  const bool keeps =
      p.output == p.accumulator || (is_integer(p.output) && is_integer(p.accumulator));
  return p.pass == Pass::forward && keeps && p.epilogue == Epilogue{} &&
         p.overflow == Overflow::wrap;
}

// Memory in the result begins where its alignment has it.
std::size_t aligned_bytes(std::size_t bytes) {
  return bytes < memory_alignment ? 0 : bytes - (memory_alignment - 1);
}

Range tap_range(std::int64_t taps, std::int64_t parts, std::int64_t index) {
  const std::int64_t first = taps * index / parts;
  return {first, taps * (index + 1) / parts - first};
}

}  // namespace

bool InResultTask::serves(const Problem& p) {
  return !needs_order(p) && p.epilogue.beta == 0 && ResultRegion::serves(p);
}

InResultTask::InResultTask(const Problem& problem, const Make& make, const Without& without,
                           std::size_t stack)
    : p_(problem), stack_(stack) {
  std::vector<Range> taps;
  for (const Axis& axis : p_.axes) taps.push_back({0, axis.filter});
  for (ResultRegion rest(p_);;) {
    double us = std::numeric_limits<double>::infinity();
    Cut cut = steps_ < max_steps ? best_cut(rest, make, us) : Cut();
    Step end{.part = rest.part(taps), .task = {}};
    const double without_us = without.us(end.part.problem);
    Head next;
    // Parts differ, and some may need more memory than the one that was looked at.
    bool tries = us <= without_us && cut.slices > 0;
    while (tries) {
      next = head(rest, cut, make);
      tries = next.steps.empty() && adds_in_result(p_) && halve_taps(cut.tap_parts);
    }
    const bool ends = next.steps.empty();
    if (ends) {
      if (std::isinf(without_us)) throw std::length_error("nothing does a part without memory");
      end.task = without.make(end.part.problem);
      next = {.steps = {}, .memory = 0, .on_stack = false, .us = without_us};
      next.steps.push_back(std::move(end));
    }
    add(std::move(next));
    if (ends || cut.slices == rest.slices()) return;
    rest = rest.without(cut.slices);
  }
}

void InResultTask::add(Head head) {
  steps_ += head.steps.size();
  for (const Step& step : head.steps) {
    const int count = step.task->facts().threads;
    threads_ = std::max(threads_, count);
  }
  us_ += head.on_stack ? head.us : shared_us(head.us);
  heads_.push_back(std::move(head));
}

// The slices to begin with, with the least time for them and, at twice the rate, for what they
// leave: there is less memory for each that follows.
InResultTask::Cut InResultTask::best_cut(const ResultRegion& rest, const Make& make,
                                         double& us) const {
  const std::int64_t all = rest.slices();
  Cut best;
  std::int64_t last_tried = 0;
  const auto attempt = [&](std::int64_t count) {
    if (count == last_tried || count == 0) return;
    last_tried = count;
    Cut now = cut(rest, count, make);
    if (now.slices == 0) return;
    const double part = static_cast<double>(count) / static_cast<double>(all);
    const double total = now.us + 2 * now.us / part * (1 - part);
    if (total >= us) return;
    us = total;
    best = std::move(now);
  };
  for (const std::int64_t eighths : {8, 7, 6, 4}) attempt(all * eighths / 8);
  for (std::int64_t count = all / 4; best.slices == 0 && count > 0; count /= 2) attempt(count);
  return best;
}

std::size_t InResultTask::bytes_behind(const ResultRegion& rest, std::int64_t slices) const {
  return aligned_bytes(rest.bytes() - rest.first(slices).bytes());
}

// Into as few parts as the memory allows; no slices if no task does with it.
InResultTask::Cut InResultTask::cut(const ResultRegion& rest, std::int64_t slices,
                                    const Make& make) const {
  const ResultRegion region = rest.first(slices);
  const std::size_t bytes = std::max(bytes_behind(rest, slices), stack_);
  std::vector<std::int64_t> parts(p_.rank(), 1);
  for (std::int64_t all = 1;; all *= 2) {
    // Those in the middle meet the most of the data.
    const Step some = step(region, parts, all / 2);
    if (const Made made = make(some.part.problem, bytes); made.task != nullptr) {
      return {slices, parts, made.us * static_cast<double>(all)};
    }
    if (!adds_in_result(p_) || !halve_taps(parts)) break;
  }
  return {};
}

// Cuts the axis with the most taps in a part once more; false if there are enough parts.
bool InResultTask::halve_taps(std::vector<std::int64_t>& parts) const {
  std::size_t longest = 0;
  const auto taps = [&](std::size_t a) { return p_.axes[a].filter / parts[a]; };
  std::int64_t count = 1;
  for (std::size_t a = 0; a < p_.rank(); ++a) {
    if (taps(a) > taps(longest)) longest = a;
    count *= parts[a];
  }
  if (taps(longest) < 2 || count >= max_tap_parts) return false;
  parts[longest] *= 2;
  return true;
}

InResultTask::Step InResultTask::step(const ResultRegion& region,
                                      const std::vector<std::int64_t>& parts,
                                      std::int64_t index) const {
  std::vector<Range> taps(p_.rank());
  std::int64_t rest = index;
  for (std::size_t a = p_.rank(); a-- > 0; rest /= parts[a]) {
    taps[a] = tap_range(p_.axes[a].filter, parts[a], rest % parts[a]);
  }
  Step step{.part = region.part(taps), .task = {}};
  if (index > 0) step.part.problem.epilogue.beta = 1;
  return step;
}

// No steps if a part needs more than that in the middle did.
InResultTask::Head InResultTask::head(const ResultRegion& rest, const Cut& cut,
                                      const Make& make) const {
  const ResultRegion region = rest.first(cut.slices);
  const std::size_t behind = bytes_behind(rest, cut.slices);
  Head head{
      .steps = {}, .memory = rest.begin() + region.bytes(), .on_stack = behind <= stack_, .us = 0};
  std::int64_t count = 1;
  for (const std::int64_t parts : cut.tap_parts) count *= parts;
  for (std::int64_t i = 0; i < count; ++i) {
    Step next = step(region, cut.tap_parts, i);
    Made made = make(next.part.problem, std::max(behind, stack_));
    if (made.task == nullptr) return {};
    next.task = std::move(made.task);
    head.us += made.us;
    head.steps.push_back(std::move(next));
  }
  return head;
}

ErrorBound InResultTask::error_bound() const {
  if (is_integer(p_.accumulator)) return {};
  ErrorBound bound{ErrorBound::Kind::elementwise, 0};
  double added = 0, outputs = 1;
  for (const Head& head : heads_) {
    added = std::max(added, static_cast<double>(head.steps.size()) - 1);
    for (const Step& step : head.steps) {
      if (step.task->error_bound().kind == ErrorBound::Kind::normwise)
        bound.kind = ErrorBound::Kind::normwise;
    }
  }
  const bool normwise = bound.kind == ErrorBound::Kind::normwise;
  for (const Head& head : heads_) {
    for (const Step& step : head.steps) {
      const ErrorBound own = step.task->error_bound();
      // The magnitudes of an output's products are at most the norms' product, and so is each of
      // them: the norm of all is that times the square root of how many there are.
      outputs =
          own.kind == ErrorBound::Kind::elementwise && normwise
              ? std::sqrt(static_cast<double>(element_count(step.part.problem.result_shape())))
              : 1;
      bound.constant = std::max(bound.constant, own.constant * outputs);
    }
  }
  const double sum = sum_error(added, p_.accumulator);
  // The steps' squared norms add up to at most so many times those of all.
  const double overlap = normwise ? std::sqrt(static_cast<double>(steps_)) : 1;
  bound.constant = overlap * (bound.constant + sum + bound.constant * sum);
  return bound;
}

std::string InResultTask::policy() const {
  std::string text =
      message("in ", heads_.size(), " parts and ", steps_,
              " steps, with the result that is not yet written as workspace; first ");
  return text + heads_.front().steps.front().task->policy();
}

PlanFacts InResultTask::facts() const {
  PlanFacts facts = heads_.front().steps.front().task->facts();
  facts.threads = threads_;
  for (const Head& head : heads_) {
    const auto count = static_cast<int>(head.steps.size());
    facts.memory_passes = std::max(facts.memory_passes, count);
  }
  return facts;
}

void InResultTask::run(const RunArguments& arguments) const {
  auto* result = static_cast<std::byte*>(arguments.result);
  for (const Head& head : heads_) {
    if (head.on_stack) {
      run_on_stack(arguments, head);
      continue;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(result + head.memory);
    const std::size_t beyond = address % memory_alignment;
    std::byte* memory = result + head.memory + (beyond == 0 ? 0 : memory_alignment - beyond);
    for (const Step& step : head.steps) run_step(arguments, step, memory);
  }
}

// Apart, so that other steps have the stack for themselves.
[[gnu::noinline]] void InResultTask::run_on_stack(const RunArguments& arguments,
                                                  const Head& head) const {
  alignas(memory_alignment) std::byte memory[stack_bytes];
  for (const Step& step : head.steps) run_step(arguments, step, memory);
}

void InResultTask::run_step(const RunArguments& arguments, const Step& step,
                            std::byte* memory) const {
  const ProblemPart& part = step.part;
  const bool of_filter = p_.pass == Pass::backward_filter;
  const bool of_data = p_.pass == Pass::backward_data;
  RunArguments own = arguments;
  own.first = static_cast<const std::byte*>(arguments.first) + (of_data ? part.y : part.x);
  own.second = static_cast<const std::byte*>(arguments.second) + (of_filter ? part.y : part.w);
  own.result = static_cast<std::byte*>(arguments.result) + (of_filter ? part.w
                                                            : of_data ? part.x
                                                                      : part.y);
  if (arguments.bias != nullptr) {
    own.bias = static_cast<const std::byte*>(arguments.bias) + part.bias;
  }
  own.workspace = memory;
  step.task->run(own);
}

}  // namespace faltung
