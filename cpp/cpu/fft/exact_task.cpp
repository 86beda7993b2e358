#include "cpp/cpu/fft/exact_task.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/cpu/element_rows.hpp"
#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/fft/fft_engine.hpp"
#include "cpp/cpu/fft/filter_copy.hpp"
#include "cpp/cpu/fitted_cost.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::fft {
namespace {

// A product of the definition, one after the other: four cycles of an addition, and what its row
// takes to load.
double definition_us() {
  constexpr double cycles = 11.1;
  return 1e-3 * cycles * cpu_machine().cycle_ns();
}

Problem with_wide_sums(Problem p) {
  if (!is_integer(p.accumulator)) p.accumulator = DType::f64;
  return p;
}

// Of the fastest engine that sums directly.
Offer fastest_beside(const Problem& p) {
  Offer best = Offer::no("no engine beside");
  for (const Engine* engine : engine_list()) {
    if (engine == &fft_engine()) continue;
    Offer offer = engine->offer(p, Device::cpu());
    if (offer && (!best || offer.estimate_us < best.estimate_us)) best = std::move(offer);
  }
  return best;
}

}  // namespace

struct ExactTask::Filter final : PreparedFilter {
  std::unique_ptr<PreparedFilter> spectra, direct;
  std::unique_ptr<const FilterCopy> copy;
  OperandScan scan;
};

bool ExactTask::serves(const Problem& p, const Sizes& n) {
  if (is_integer(p.accumulator)) return !(integer_error(p, n) < 0.5);
  return is_integer(p.result_dtype());
}

std::optional<DigitChoice> ExactTask::digits_of_all(const Problem& p, const Sizes& n) {
  if (!is_integer(p.accumulator)) return {};
  return choose_digits(p, n, largest_magnitude(first_operand(p)),
                       largest_magnitude(second_operand(p)));
}

ExactTask::ExactTask(const Problem& problem, const BlockPlan& blocks, Beside beside)
    : p_(with_wide_sums(problem)),
      n_(sizes(blocks)),
      one_thread_us_(blocks.nanoseconds * 1e-3),
      direct_us_(std::numeric_limits<double>::infinity()),
      bias_(problem.bias_dtype()) {
  if (beside == Beside::fastest) {
    const Offer offer = fastest_beside(problem);
    direct_ = offer.prepare();
    direct_us_ = offer.estimate_us;
  }
  slots_ = plan_threads(std::numeric_limits<std::int64_t>::max(), one_thread_us_);
  if (is_integer(p_.accumulator)) {
    choose_max_digits();
    integers_ = std::make_unique<FftTask<double, std::uint64_t>>(p_, blocks, max_);
  } else {
    floats_ = std::make_unique<FftTask<double, double>>(p_, blocks);
    bias_at_ = floats_->workspace_bytes();
  }
}

double ExactTask::transforms_us(double cost) const {
  return fitted_run_us("cpu.fft/integers", p_, one_thread_us_ * cost);
}

// Memory is kept for the largest integers that transforms serve faster than another engine. Smaller
// ones need no more digits: they have as many of the same length, or fewer.
void ExactTask::choose_max_digits() {
  const double first = largest_magnitude(first_operand(p_));
  const double second = largest_magnitude(second_operand(p_));
  for (int bits = 64; bits > 1; bits -= 4) {
    const double largest = std::ldexp(1.0, bits);
    const auto choice = choose_digits(p_, n_, std::min(first, largest), std::min(second, largest));
    if (!choice || transforms_us(cost_of(*choice)) >= direct_us_) continue;
    max_ = choice->digits;
    max_cost_ = cost_of(*choice);
    return;
  }
}

std::size_t ExactTask::workspace_bytes() const {
  std::size_t bytes = integers_ ? integers_->workspace_bytes() : floats_->workspace_bytes();
  if (converts_bias()) bytes += static_cast<std::size_t>(p_.out_channels) * sizeof(double);
  return std::max(bytes, direct_ ? direct_->workspace_bytes() : 0);
}

// Whichever way a sum comes, its own share of the products' magnitude is all it errs by.
ErrorBound ExactTask::error_bound() const {
  if (integers_) return {};
  return {ErrorBound::Kind::elementwise,
          std::max(direct_->error_bound().constant, longest_sum(p_) * unit_roundoff(DType::f64))};
}

std::string ExactTask::policy() const {
  if (!integers_) {
    return message(floats_->policy(),
                   "; looks at the operands and at sums near a step of the store, ",
                   "which come from the definition, or all from ", direct_->policy());
  }
  const std::string first =
      message(integers_->policy(), "; looks at the operands: one digit where they prove exact, ");
  if (max_.is_whole()) return message(first, "else ", direct_->policy());
  const std::string digits =
      message("up to ", max_.first, " by ", max_.second, " digits of ", max_.bits, " bits, then ",
              std::round(10 * max_cost_) / 10, " times as long");
  if (direct_ == nullptr) return message(first, digits);
  return message(first, digits, ", where that is faster than ", direct_->policy());
}

// Data with NaN or infinity goes to the other engine, which has them where the definition does.
PlanFacts ExactTask::facts() const {
  PlanFacts facts = integers_ ? integers_->facts() : floats_->facts();
  facts.threads = slots_;
  if (direct_ != nullptr) {
    facts.threads = std::max(slots_, direct_->facts().threads);
    facts.spreads_non_finite = direct_->facts().spreads_non_finite;
  }
  ++facts.memory_passes;  // the look
  return facts;
}

OperandScan ExactTask::scan_first(const void* data) const {
  if (p_.pass == Pass::backward_data) {
    return scan_operand(data, p_.output, p_.y_shape(), p_.y_strides, slots_);
  }
  return with_constants(scan_operand(data, p_.input, p_.x_shape(), p_.x_strides, slots_), p_);
}

OperandScan ExactTask::scan_second(const void* data) const {
  if (p_.pass == Pass::backward_filter) {
    return scan_operand(data, p_.output, p_.y_shape(), p_.y_strides, slots_);
  }
  return scan_operand(data, p_.filter, p_.w_shape(), p_.w_strides, slots_);
}

std::unique_ptr<PreparedFilter> ExactTask::prepare_filter(const Stream& stream,
                                                          const void* w) const {
  auto filter = std::make_unique<Filter>();
  filter->copy = std::make_unique<FilterCopy>(p_, w);
  filter->scan = scan_second(filter->copy->data());
  filter->spectra =
      integers_ ? integers_->prepare_filter(stream, w) : floats_->prepare_filter(stream, w);
  if (direct_ != nullptr) filter->direct = direct_->prepare_filter(stream, w);
  return filter;
}

void ExactTask::run(const RunArguments& arguments) const {
  const auto* filter = static_cast<const Filter*>(arguments.prepared);
  RunArguments transforms = arguments;
  if (filter != nullptr) {
    transforms.second = filter->copy->data();
    transforms.prepared = filter->spectra.get();
  }
  const OperandScan first = scan_first(arguments.first);
  const OperandScan second = filter != nullptr ? filter->scan : scan_second(arguments.second);
  if (converts_bias()) transforms.bias = converted_bias(arguments);
  const Way way =
      integers_ ? run_integers(transforms, first, second) : run_floats(transforms, first, second);
  if (way == Way::direct) {
    RunArguments direct = transforms;
    direct.bias = arguments.bias;
    direct.prepared = filter != nullptr ? filter->direct.get() : nullptr;
    if (direct.prepared != nullptr) direct.second = nullptr;
    direct_->run(direct);
  }
  ++runs_[static_cast<std::size_t>(way)];
}

// Where a bias stands beside sums of another type than it comes in.
bool ExactTask::converts_bias() const { return p_.epilogue.bias && bias_ != p_.bias_dtype(); }

const void* ExactTask::converted_bias(const RunArguments& arguments) const {
  auto* to = reinterpret_cast<double*>(arguments.workspace + bias_at_);
  load_row<double>(bias_)(arguments.bias, 0, 1, p_.out_channels, to, 1);
  return to;
}

ExactTask::Way ExactTask::run_integers(const RunArguments& arguments, const OperandScan& first,
                                       const OperandScan& second) const {
  const auto choice = choose_digits(p_, n_, first.largest, second.largest, max_.first, max_.second);
  if (!choice || transforms_us(cost_of(*choice)) >= direct_us_) return Way::direct;
  integers_->run(arguments, {.digits = choice->digits, .guard = nullptr});
  return choice->digits.is_whole() ? Way::whole : Way::digits;
}

// A block's norm is at most that of all values, each as often as the boundaries show it.
SumGuard::Accuracy ExactTask::accuracy(const OperandScan& x, const OperandScan& w) const {
  const BlockCounts counts = block_counts(p_, n_);
  const double first = std::min(x.largest * std::sqrt(counts.first), x.norm * std::sqrt(n_.folds));
  const double second = std::min(w.largest * std::sqrt(counts.second), w.norm);
  // |x| * |w| is at most the product of the norms, for each channel that is summed; the definition
  // errs by as many units of it as it adds products.
  const double definition =
      longest_sum(p_) * summed_transforms(p_, n_) * first * second * unit_roundoff(DType::f64);
  return {.error = largest_error_of_norms(p_, n_, first, second) + definition,
          .quantum = x.quantum * w.quantum};
}

ExactTask::Way ExactTask::run_floats(const RunArguments& arguments, const OperandScan& x,
                                     const OperandScan& w) const {
  if (!std::isfinite(x.largest) || !std::isfinite(w.largest)) return Way::direct;
  const SumGuard::Accuracy accuracy = this->accuracy(x, w);
  if (!std::isfinite(accuracy.error)) return Way::direct;
  // As many sums may come from the definition as cost no more than the transforms.
  const double sum_us = definition_us() * longest_sum(p_);
  const SumGuard guard(p_, arguments, accuracy, static_cast<std::int64_t>(one_thread_us_ / sum_us));
  if (!accuracy.settles_all()) {
    if (p_.pass != Pass::forward || p_.epilogue.beta != 0) return Way::direct;
    // Flat images put most sums near a step. A few outputs tell, for a small part of the time.
    constexpr std::int64_t samples = 16;
    const bool cheap = samples * sum_us < one_thread_us_ / 4;
    if (cheap && 4 * guard.count_doubtful(samples) > samples) return Way::direct;
  }
  floats_->run(arguments, {.digits = {}, .guard = &guard});
  if (guard.gave_up()) return Way::direct;
  repaired_ += guard.doubtful();
  return accuracy.settles_all() ? Way::multiples : Way::watched;
}

}  // namespace faltung::fft
