#include "cpp/cpu/direct/phases/polyphase_task.hpp"

#include <algorithm>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/boxes/finite.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"

namespace faltung::direct {

template <typename Acc>
PolyphaseTask<Acc>::PolyphaseTask(const Problem& problem)
    : KernelTask(std::make_unique<DirectTask<Acc>>(problem)),
      p_(problem),
      policy_(*choose_polyphase(problem)),
      axis_(problem.axes[policy_.along]),
      elements_(axis_),
      packer_(problem),
      load_(faltung::load_row<Acc>(problem.input)),
      result_(problem),
      kernels_(polyphase_kernel<Part>()),
      x_(x_strides(problem)),
      y_(y_strides(problem)),
      group_outputs_(problem.out_channels / problem.groups),
      taps_(element_count(filter_extents(problem))),
      by_imaginary_(complex && is_complex(problem.filter)),
      pads_zeros_(meets_zeros(problem)) {
  elements_.input_dilation = 1;
  elements_.pad_lo = 0;
  for (std::size_t a = 0; a < policy_.along; ++a) outer_.push_back(p_.axes[a].input);
  outer_count_ = element_count(outer_);
  chunks_ = ceil_divide(policy_.lines, policy_.columns);
  blocks_ = ceil_divide(axis_.output(), policy_.phases * policy_.outputs);
  row_parts_ = policy_.rows ? ceil_divide(parts * policy_.columns, row_values) * row_values : parts;
  std::int64_t all = 0;
  for (std::int64_t first = 0; first < policy_.phases; ++first) {
    const Phase::Part part = output_part(axis_, first);
    const std::int64_t from = part.taps == 0 ? 0 : -output_axis(axis_, part).pad_lo - policy_.base;
    phases_.push_back({.x = from, .first = all, .taps = part.taps});
    first_taps_.push_back(part.first_tap);
    tap_step_ = part.tap_step;
    all += part.taps;
  }
  // Dots of complex values meet every tap twice.
  filter_parts_ = policy_.rows ? all : parts * all;
  layout_.slots = plan_threads(p_.batch * p_.groups * outer_count_ * chunks_ * blocks_,
                               polyphase_us(p_, policy_));
  add_weights<Part>(p_.out_channels * filter_parts_ * (by_imaginary_ ? 2 : 1) + dot_slack);
  filter_ = layout_.shared.add<Acc>(packer_.size());
  const std::int64_t outputs = policy_.outputs * policy_.phases;
  window_ = layout_.slot.add<Part>(policy_.window() * row_parts_ + dot_slack);
  sums_ = layout_.slot.add<Part>(outputs * row_parts_);
  other_sums_ = layout_.slot.add<Part>(by_imaginary_ ? outputs * row_parts_ : 0);
}

template <typename Acc>
std::string PolyphaseTask<Acc>::policy() const {
  return message(policy_.phases, " phases of outputs, vectors of ",
                 policy_.rows ? "lines side by side" : "neighbours");
}

// The sums of a phase are not cut.
template <typename Acc>
ErrorBound PolyphaseTask<Acc>::error_bound() const {
  ErrorBound bound = KernelTask::error_bound();
  std::int64_t taps = 0;
  for (const PhaseTaps& phase : phases_) taps = std::max(taps, phase.taps);
  const double own = sum_error(static_cast<double>(taps), p_.accumulator);
  bound.constant = std::max(bound.constant, own);
  return bound;
}

// The taps of each phase in turn, by their real and then by their imaginary parts.
template <typename Acc>
const void* PolyphaseTask<Acc>::make_weights(const void* w, void* to, std::byte* workspace,
                                             int) const {
  const Acc* filter = packer_.filter(w, filter_.at(workspace));
  if (pads_zeros_ && !all_finite(filter, p_.out_channels * taps_)) return nullptr;
  auto* weights = static_cast<Part*>(to);
  const std::int64_t copies = policy_.rows ? 1 : parts;
  for (std::int64_t k = 0; k < p_.out_channels; ++k) {
    for (int imaginary = 0; imaginary <= (by_imaginary_ ? 1 : 0); ++imaginary) {
      for (std::size_t p = 0; p < phases_.size(); ++p) {
        for (std::int64_t j = 0; j < phases_[p].taps; ++j) {
          const Acc tap = filter[k * taps_ + first_taps_[p] + j * tap_step_];
          Part value{};
          if constexpr (complex) {
            value = imaginary == 1 ? tap.imag() : tap.real();
          } else {
            value = tap;
          }
          weights = std::fill_n(weights, copies, value);
        }
      }
    }
  }
  std::fill_n(weights, dot_slack, Part(0));
  return to;
}

template <typename Acc>
bool PolyphaseTask<Acc>::compute(const RunArguments& arguments) const {
  const auto* weights = find_weights<Part>(arguments);
  if (weights == nullptr) return false;
  for_each_block(arguments, p_.batch * p_.groups * outer_count_ * chunks_ * blocks_,
                 [&](std::int64_t index, std::byte* workspace) {
                   const Block block = find(index, workspace);
                   load(arguments, block);
                   compute_block(arguments, weights, block);
                 });
  return true;
}

template <typename Acc>
typename PolyphaseTask<Acc>::Block PolyphaseTask<Acc>::find(std::int64_t index,
                                                            std::byte* workspace) const {
  Block block{};
  block.workspace = workspace;
  block.first = index % blocks_ * policy_.outputs;
  index /= blocks_;
  block.outputs =
      std::min(policy_.outputs, ceil_divide(axis_.output(), policy_.phases) - block.first);
  block.column = index % chunks_ * policy_.columns;
  index /= chunks_;
  block.columns = std::min(policy_.columns, policy_.lines - block.column);
  for (std::size_t a = outer_.size(); a-- > 0;) {
    const std::int64_t i = index % outer_[a];
    index /= outer_[a];
    block.outer_x += i * x_.spatial[a];
    block.outer_y += i * y_.spatial[a];
  }
  block.group = index % p_.groups;
  block.image = index / p_.groups;
  return block;
}

// Copies what the block reads, with its boundaries resolved.
template <typename Acc>
void PolyphaseTask<Acc>::load(const RunArguments& arguments, const Block& block) const {
  Acc* window = reinterpret_cast<Acc*>(window_.at(block.workspace));
  const std::int64_t inner = policy_.along + 1 < p_.rank() ? x_.spatial.back() : 0;
  const std::int64_t first =
      block.image * x_.outer + block.group * x_.channel + block.outer_x + block.column * inner;
  const std::int64_t count = policy_.span + (block.outputs - 1) * policy_.step;
  const std::int64_t start = policy_.base + block.first * policy_.step;
  if (policy_.rows) {
    for (std::int64_t i = 0; i < count; ++i) {
      load_row(arguments.first, first, start + i, block, window + i * row_parts_ / parts);
    }
    return;
  }
  std::fill_n(window, count, Acc(0));
  walk_axis(
      elements_, start, 1, count,
      [&](std::int64_t i, std::int64_t i_step, std::int64_t n, std::int64_t index,
          std::int64_t index_step) {
        const std::int64_t step = x_.spatial[policy_.along];
        load_(arguments.first, first + index * step, index_step * step, n, window + i, i_step);
      },
      [](std::int64_t, const Boundary&) {});
}

// One element of each of the lines.
template <typename Acc>
void PolyphaseTask<Acc>::load_row(const void* image, std::int64_t first, std::int64_t position,
                                  const Block& block, Acc* to) const {
  const std::int64_t element = axis_place(elements_, position).index;
  std::int64_t loaded = 0;
  if (element != outside) {
    load_(image, first + element * x_.spatial[policy_.along], x_.spatial.back(), block.columns, to,
          1);
    loaded = block.columns;
  }
  std::fill(to + loaded, to + row_parts_ / parts, Acc(0));
}

template <typename Acc>
void PolyphaseTask<Acc>::compute_block(const RunArguments& arguments, const Part* filters,
                                       const Block& block) const {
  PhaseSums<Part> a{.x = window_.at(block.workspace),
                    .phases = phases_.data(),
                    .phase_count = policy_.phases,
                    .w = nullptr,
                    .step = policy_.step,
                    .outputs = block.outputs,
                    .y = nullptr,
                    .y_step = policy_.phases,
                    .columns = row_parts_};
  const auto kernel = policy_.rows ? kernels_.rows : complex ? kernels_.pair_dots : kernels_.dots;
  Part* sums = sums_.at(block.workspace);
  const std::int64_t count = block.outputs * policy_.phases * row_parts_;
  for (std::int64_t k = block.group * group_outputs_; k < (block.group + 1) * group_outputs_; ++k) {
    a.w = filters + k * filter_parts_ * (by_imaginary_ ? 2 : 1);
    a.y = sums;
    kernel(a);
    if (by_imaginary_) {
      a.w += filter_parts_;
      a.y = other_sums_.at(block.workspace);
      kernel(a);
      for (std::int64_t i = 0; i < count; i += 2) {
        sums[i] -= a.y[i + 1];
        sums[i + 1] += a.y[i];
      }
    }
    store(arguments, k, block);
  }
}

template <typename Acc>
void PolyphaseTask<Acc>::store(const RunArguments& arguments, std::int64_t k,
                               const Block& block) const {
  const Acc* sums = reinterpret_cast<const Acc*>(sums_.at(block.workspace));
  const std::int64_t inner = policy_.along + 1 < p_.rank() ? y_.spatial.back() : 0;
  const std::int64_t step = y_.spatial[policy_.along];
  const std::int64_t first = block.first * policy_.phases;
  const std::int64_t count = std::min(block.outputs * policy_.phases, axis_.output() - first);
  const std::int64_t to =
      block.image * y_.outer + k * y_.channel + block.outer_y + first * step + block.column * inner;
  if (!policy_.rows) return result_.store(arguments, k, sums, count, to, step);
  for (std::int64_t i = 0; i < count; ++i) {
    result_.store(arguments, k, sums + i * row_parts_ / parts, block.columns, to + i * step, inner);
  }
}

template class PolyphaseTask<float>;
template class PolyphaseTask<double>;
template class PolyphaseTask<std::complex<float>>;
template class PolyphaseTask<std::complex<double>>;

}  // namespace faltung::direct
