#include "cpp/cpu/gemm/gemm_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/filter_rows.hpp"
#include "cpp/cpu/flatten.hpp"
#include "cpp/cpu/gemm/frame_sums.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::gemm {

std::string policy_text(const Policy& policy) {
  return message("blocks of ", policy.taps, " taps x ", policy.outputs, " outputs");
}

template <typename Acc>
GemmTask<Acc>::GemmTask(const Problem& problem)
    : p_(flattened(problem)),
      policy_(choose(p_)),
      columns_(p_),
      product_(policy_.outputs),
      inputs_(input_extents(p_)),
      group_inputs_(problem.in_channels / problem.groups),
      group_outputs_(problem.out_channels / problem.groups),
      rows_(columns_.rows()),
      output_count_(columns_.outputs()),
      input_count_(element_count(inputs_)),
      packer_(p_),
      result_(p_) {
  const bool forward = p_.pass == Pass::forward;
  part_channels_ = ceil_divide(group_inputs_, policy_.parts);
  blocks_ = p_.batch * p_.groups *
            (forward ? ceil_divide(output_count_, policy_.outputs)
                     : ceil_divide(group_inputs_, part_channels_));
  layout_.slots = plan_threads(blocks_, one_thread_us(p_));
  WorkspaceLayout& slot = layout_.slot;
  const std::int64_t depth = forward ? policy_.taps : group_outputs_;
  const std::int64_t sums = forward ? group_outputs_ : policy_.taps;
  right_ = slot.add<Real>(product_.right_size(depth, policy_.outputs));
  sums_ = slot.add<Real>(product_.sums_size(sums, policy_.outputs));
  row_ = slot.add<Acc>(policy_.outputs);
  scratch_ = slot.add<Acc>(product_.scratch_size());
  image_ = slot.add<Acc>(forward ? 0 : part_channels_ * input_count_);
  filter_ = layout_.shared.add<Acc>(packer_.size());
}

template <typename Acc>
ErrorBound GemmTask<Acc>::error_bound() const {
  const double depth = static_cast<double>(p_.pass == Pass::forward ? rows_ : group_outputs_);
  double roundings =
      Product<Acc>::roundings(depth, p_.pass == Pass::forward ? policy_.taps : group_outputs_);
  const double folded = longest_sum(p_) / depth;  // values that are added to an element
  if (folded > 1) roundings += folded;
  return {ErrorBound::Kind::elementwise, sum_error(roundings, p_.accumulator)};
}

template <typename Acc>
std::string GemmTask<Acc>::policy() const {
  return policy_text(policy_);
}

template <typename Acc>
void GemmTask<Acc>::run(const RunArguments& arguments) const {
  const Acc* filter = packer_.filter(arguments, filter_.at(arguments.workspace));
  parallel_for(blocks_, layout_.slots, [&](std::int64_t block, int slot) {
    RunArguments own = arguments;
    own.workspace = layout_.at(arguments.workspace, slot);
    if (p_.pass == Pass::forward) {
      forward(own, block, filter);
    } else {
      backward_data(own, block, filter);
    }
  });
}

// One block of outputs of one group of one image.
template <typename Acc>
void GemmTask<Acc>::forward(const RunArguments& arguments, std::int64_t block,
                            const Acc* filter) const {
  std::byte* workspace = arguments.workspace;
  Acc* values = row_.at(workspace);
  const std::int64_t pieces = ceil_divide(output_count_, policy_.outputs);
  const std::int64_t first = block % pieces * policy_.outputs;
  const std::int64_t g = block / pieces % p_.groups;
  const std::int64_t b = block / pieces / p_.groups;
  const Block outputs{first, std::min(policy_.outputs, output_count_ - first)};
  const Acc* weights = filter + g * group_outputs_ * rows_;
  const auto sums = product_.sums(sums_.at(workspace), group_outputs_, outputs.count);
  for_each_block({0, rows_}, policy_.taps, [&](Block rows) {
    const auto right = product_.right(right_.at(workspace), rows.count, outputs.count);
    for (std::int64_t row = 0; row < rows.count; ++row) {
      columns_.load(arguments.first, b, g, rows.first + row, outputs, values);
      product_.put_row(right, row, values, outputs.count);
    }
    product_.multiply(group_outputs_, outputs.count, rows.count, {weights + rows.first, rows_, 1},
                      right, sums, rows.first > 0, scratch_.at(workspace));
  });
  store_outputs(arguments, b, g, outputs, weights, sums);
}

// Some input channels of one group of one image.
template <typename Acc>
void GemmTask<Acc>::backward_data(const RunArguments& arguments, std::int64_t block,
                                  const Acc* filter) const {
  std::byte* workspace = arguments.workspace;
  Acc* values = row_.at(workspace);
  Acc* image = image_.at(workspace);
  const std::int64_t taps = rows_ / group_inputs_;
  const std::int64_t parts = ceil_divide(group_inputs_, part_channels_);
  const std::int64_t first = block % parts * part_channels_;
  const std::int64_t g = block / parts % p_.groups;
  const std::int64_t b = block / parts / p_.groups;
  const Block channels{first, std::min(part_channels_, group_inputs_ - first)};
  const Acc* weights = filter + g * group_outputs_ * rows_;
  std::fill_n(image, channels.count * input_count_, Acc(0));
  for_each_block({0, output_count_}, policy_.outputs, [&](Block outputs) {
    const auto right = product_.right(right_.at(workspace), group_outputs_, outputs.count);
    for (std::int64_t k = 0; k < group_outputs_; ++k) {
      columns_.load_gradient(arguments.first, b, g * group_outputs_ + k, outputs, values);
      product_.put_row(right, k, values, outputs.count);
    }
    for_each_block({first * taps, channels.count * taps}, policy_.taps, [&](Block rows) {
      const auto sums = product_.sums(sums_.at(workspace), rows.count, outputs.count);
      product_.multiply(rows.count, outputs.count, group_outputs_, {weights + rows.first, 1, rows_},
                        right, sums, false, scratch_.at(workspace));
      for (std::int64_t row = 0; row < rows.count; ++row) {
        fold_row(product_.row(sums, row, outputs.count, values), rows.first + row, outputs,
                 image + ((rows.first + row) / taps - first) * input_count_);
      }
    });
  });
  store_image(arguments, b, g, channels);
}

template <typename Acc>
void GemmTask<Acc>::fold_row(const Acc* values, std::int64_t row, Block outputs, Acc* image) const {
  const Axis& axis = p_.axes.back();
  const Strides compact = compact_strides(inputs_);
  const Extents r = columns_.tap(row);
  columns_.for_each_piece(outputs, [&](std::int64_t i, const Extents& o, std::int64_t count) {
    const RowPlace place = row_place(p_.axes, compact, row_position(p_, o, r));
    faltung::fold_row(axis, place, values + i, columns_.position(o, r), axis.stride, count, image);
  });
}

// A weight that is not finite leaves no sum of its channel finite, the first one neither.
template <typename Acc>
void GemmTask<Acc>::store_outputs(const RunArguments& arguments, std::int64_t b, std::int64_t g,
                                  Block outputs, const Acc* weights,
                                  const Planes<Real>& sums) const {
  Acc* buffer = row_.at(arguments.workspace);
  for (std::int64_t k = 0; k < group_outputs_; ++k) {
    const std::int64_t channel = g * group_outputs_ + k;
    const Acc* values = product_.row(sums, k, outputs.count, buffer);
    const Acc* own = weights + k * rows_;
    if (!is_finite(values[0]) &&
        !std::all_of(own, own + rows_, [](Acc w) { return is_finite(w); })) {
      sum_outputs(columns_, arguments.first, own, b, g, outputs, buffer);
      values = buffer;
    }
    columns_.for_each_piece(outputs, [&](std::int64_t i, const Extents& o, std::int64_t count) {
      result_.store(arguments, channel, values + i, count, columns_.place_of(b, channel, o),
                    columns_.y().spatial.back());
    });
  }
}

template <typename Acc>
void GemmTask<Acc>::store_image(const RunArguments& arguments, std::int64_t b, std::int64_t g,
                                Block channels) const {
  const Acc* row = image_.at(arguments.workspace);
  const TensorStrides& x = columns_.x();
  const std::int64_t first = g * group_inputs_ + channels.first;
  for (std::int64_t c = first; c < first + channels.count; ++c) {
    for_each_index(slow_extents(inputs_), [&](std::int64_t, const Extents& i) {
      result_.store(arguments, c, row, inputs_.back(),
                    b * x.outer + c * x.channel + offset_of(i, x.spatial), x.spatial.back());
      row += inputs_.back();
    });
  }
}

template class GemmTask<float>;
template class GemmTask<double>;
template class GemmTask<std::complex<float>>;
template class GemmTask<std::complex<double>>;

}  // namespace faltung::gemm
