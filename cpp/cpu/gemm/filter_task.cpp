#include "cpp/cpu/gemm/filter_task.hpp"

#include <algorithm>

#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/filter_rows.hpp"
#include "cpp/cpu/flatten.hpp"
#include "cpp/cpu/gemm/frame_sums.hpp"
#include "cpp/cpu/gemm/gemm_task.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::gemm {
namespace {

// Output channels that are stored at a time: a cache line of f32 sums.
constexpr std::int64_t stored_channels = 16;

bool taps_lie_in_order(const Problem& p, const TensorStrides& w) {
  Shape shape{p.in_channels / p.groups};
  Strides strides{w.channel};
  for (std::size_t a = 0; a < p.rank(); ++a) {
    shape.push_back(p.axes[a].filter);
    strides.push_back(w.spatial[a]);
  }
  const Strides compact = compact_strides(shape);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] > 1 && strides[i] != compact[i]) return false;
  }
  return !p.flip;
}

}  // namespace

template <typename Acc>
FilterTask<Acc>::FilterTask(const Problem& problem)
    : p_(flattened(problem)),
      policy_(choose(p_)),
      columns_(p_),
      product_(problem.out_channels / problem.groups, true),
      w_(w_strides(p_)),
      group_outputs_(problem.out_channels / problem.groups),
      rows_(columns_.rows()),
      output_count_(columns_.outputs()),
      pieces_(ceil_divide(output_count_, policy_.outputs)),
      left_step_((ceil_divide(policy_.outputs, 16) | 1) * 16),
      rows_of_w_(taps_lie_in_order(p_, w_)),
      result_(p_) {
  const std::int64_t tile = product_.tile_rows();
  part_rows_ = ceil_divide(ceil_divide(rows_, policy_.parts), tile) * tile;
  parts_ = ceil_divide(rows_, part_rows_);
  layout_.slots = plan_threads(policy_.segments * p_.groups * parts_, one_thread_us(p_));
  WorkspaceLayout& slot = layout_.slot;
  right_ = slot.add<Real>(product_.right_size(policy_.outputs, group_outputs_));
  left_ = slot.add<Acc>(policy_.taps * left_step_);
  values_ = slot.add<Acc>(std::max({product_.together * policy_.outputs, group_outputs_,
                                    count_of({stored_channels, rows_ + stored_channels})}));
  scratch_ = slot.add<Acc>(product_.scratch_size());
  sums_ = layout_.shared.add<Real>(
      count_of({policy_.segments, p_.groups, product_.sums_size(rows_, group_outputs_)}));
}

template <typename Acc>
ErrorBound FilterTask<Acc>::error_bound() const {
  const std::int64_t calls = ceil_divide(p_.batch * pieces_, policy_.segments);
  const double roundings =
      Product<Acc>::roundings(static_cast<double>(calls * policy_.outputs), policy_.outputs);
  const double added = policy_.segments > 1 ? static_cast<double>(policy_.segments) : 0;
  return {ErrorBound::Kind::elementwise, sum_error(roundings + added, p_.accumulator)};
}

template <typename Acc>
std::string FilterTask<Acc>::policy() const {
  return policy_text(policy_);
}

template <typename Acc>
PlanFacts FilterTask<Acc>::facts() const {
  PlanFacts facts = cpu_facts(layout_.slots);
  if (policy_.segments > 1) ++facts.memory_passes;  // their sums are added
  return facts;
}

template <typename Acc>
void FilterTask<Acc>::run(const RunArguments& arguments) const {
  const auto own = [&](int slot) { return layout_.at(arguments.workspace, slot); };
  parallel_for(policy_.segments * p_.groups * parts_, layout_.slots,
               [&](std::int64_t block, int slot) { compute(arguments, block, own(slot)); });
  parallel_for(p_.groups * ceil_divide(group_outputs_, stored_channels), layout_.slots,
               [&](std::int64_t block, int slot) { store(arguments, block, own(slot)); });
}

template <typename Acc>
auto FilterTask<Acc>::sums(const RunArguments& arguments, std::int64_t segment,
                           std::int64_t g) const -> Planes<Real> {
  return product_.sums(sums_.at(arguments.workspace) +
                           (segment * p_.groups + g) * product_.sums_size(rows_, group_outputs_),
                       rows_, group_outputs_);
}

template <typename Acc>
void FilterTask<Acc>::compute(const RunArguments& arguments, std::int64_t block,
                              std::byte* workspace) const {
  Acc* left = left_.at(workspace);
  const std::int64_t first = block % parts_ * part_rows_;
  const Block part{first, std::min(part_rows_, rows_ - first)};
  const std::int64_t g = block / parts_ % p_.groups;
  const std::int64_t segment = block / parts_ / p_.groups;
  const std::int64_t blocks = p_.batch * pieces_;
  const Planes<Real> all = sums(arguments, segment, g);
  const std::int64_t from = blocks * segment / policy_.segments;
  const std::int64_t to = blocks * (segment + 1) / policy_.segments;
  for (std::int64_t i = from; i < to; ++i) {
    const std::int64_t b = i / pieces_;
    const std::int64_t o = i % pieces_ * policy_.outputs;
    const Block outputs{o, std::min(policy_.outputs, output_count_ - o)};
    const auto right = product_.right(right_.at(workspace), outputs.count, group_outputs_);
    load_gradient(arguments, b, g, outputs, right, values_.at(workspace));
    for_each_block(part, policy_.taps, [&](Block rows) {
      for (std::int64_t row = 0; row < rows.count; ++row) {
        columns_.load(arguments.first, b, g, rows.first + row, outputs, left + row * left_step_);
      }
      Planes<Real> target = all;
      target.data += rows.first * all.leading;
      product_.multiply(rows.count, group_outputs_, outputs.count, {left, left_step_, 1}, right,
                        target, i > from, scratch_.at(workspace));
    });
  }
}

template <typename Acc>
void FilterTask<Acc>::load_gradient(const RunArguments& arguments, std::int64_t b, std::int64_t g,
                                    Block outputs, const Planes<Real>& right, Acc* values) const {
  const std::int64_t first = g * group_outputs_;
  if (columns_.y().channel == 1) {
    for (std::int64_t o = 0; o < outputs.count; ++o) {
      columns_.load_gradient_channels(arguments.second, b, {first, group_outputs_},
                                      outputs.first + o, values);
      product_.put_row(right, o, values, group_outputs_);
    }
    return;
  }
  const std::int64_t step = policy_.outputs;
  for (std::int64_t k = 0; k < product_.padded(group_outputs_); k += product_.together) {
    for (std::int64_t i = 0; i < product_.together; ++i) {
      if (k + i < group_outputs_) {
        columns_.load_gradient(arguments.second, b, first + k + i, outputs, values + i * step);
      } else {
        std::fill_n(values + i * step, outputs.count, Acc(0));
      }
    }
    product_.put_columns(right, k, values, step, outputs.count);
  }
}

template <typename Acc>
void FilterTask<Acc>::store(const RunArguments& arguments, std::int64_t block,
                            std::byte* workspace) const {
  const std::int64_t blocks = ceil_divide(group_outputs_, stored_channels);
  const std::int64_t g = block / blocks;
  const std::int64_t first = block % blocks * stored_channels;
  const std::int64_t count = std::min(stored_channels, group_outputs_ - first);
  Acc* values = values_.at(workspace);
  Acc* buffer = values + stored_channels * rows_;
  for (std::int64_t segment = 0; segment < policy_.segments; ++segment) {
    Planes<Real> all = sums(arguments, segment, g);
    all.data += first;
    for (std::int64_t row = 0; row < rows_; ++row) {
      const Acc* from = product_.row(all, row, count, buffer);
      for (std::int64_t k = 0; k < count; ++k) {
        Acc& to = values[k * rows_ + row];
        to = segment == 0 ? from[k] : to + from[k];
      }
    }
  }
  // A gradient that is not finite leaves no sum of its channel finite, the first one neither.
  for (std::int64_t k = 0; k < count; ++k) {
    Acc* own = values + k * rows_;
    const std::int64_t channel = g * group_outputs_ + first + k;
    if (is_finite(own[0]) || is_finite_gradient(columns_, arguments.second, p_.batch, channel)) {
      continue;
    }
    for (std::int64_t row = 0; row < rows_; ++row) {
      own[row] = sum_tap(columns_, arguments.first, arguments.second, p_.batch, g, row, channel);
    }
  }
  if (p_.conjugate) {
    std::transform(values, values + count * rows_, values, conjugate_value<Acc>);
  }
  for (std::int64_t k = 0; k < count; ++k) {
    store_channel(arguments, g * group_outputs_ + first + k, values + k * rows_);
  }
}

template <typename Acc>
void FilterTask<Acc>::store_channel(const RunArguments& arguments, std::int64_t k,
                                    const Acc* values) const {
  if (rows_of_w_) return result_.store(arguments, k, values, rows_, k * w_.outer, 1);
  const std::int64_t taps = p_.axes.back().filter;
  for_each_filter_row(p_, w_, k, [&](std::int64_t first, std::int64_t step) {
    result_.store(arguments, k, values, taps, first, step);
    values += taps;
  });
}

template class FilterTask<float>;
template class FilterTask<double>;
template class FilterTask<std::complex<float>>;
template class FilterTask<std::complex<double>>;

}  // namespace faltung::gemm
