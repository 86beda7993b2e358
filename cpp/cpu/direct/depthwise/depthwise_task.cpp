#include "cpp/cpu/direct/depthwise/depthwise_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"

namespace faltung::direct {

template <typename Acc>
bool DepthwiseTask<Acc>::serves(const Problem& p) {
  return p.pass == Pass::forward && has_kernel_axes(p) && p.groups == p.in_channels &&
         p.in_channels > 1 && p.out_channels > 0 && x_strides(p).channel == 1 &&
         y_strides(p).channel == 1 &&
         fits_in_boxes(
             p, std::min(p.out_channels,
                         p.groups == p.out_channels ? 2 * max_part_channels : p.out_channels));
}

template <typename Acc>
DepthwisePolicy DepthwiseTask<Acc>::policy_of(const Problem& problem) {
  return choose_depthwise(problem, ThreeAxes(problem), depthwise_kernel<Part>().lanes);
}

template <typename Acc>
DepthwiseTask<Acc>::DepthwiseTask(const Problem& problem, const DepthwisePolicy& policy)
    : BoxTask(problem, ThreeAxes(problem), policy.box, policy.parts, 1,
              std::make_unique<DirectTask<Acc>>(problem)),
      kernel_(depthwise_kernel<Part>()),
      policy_(policy),
      filter_(problem, policy.interleaved ? policy.unit : problem.out_channels),
      input_(problem, t_, policy, layout_.slot),
      result_(problem),
      shared_rows_(policy.interleaved && input_.hop() == 0 && t_.axes[1].stride == 1 &&
                           t_.axes[1].dilation == 1 && t_.axes[1].filter > 1
                       ? max_depthwise_rows
                       : 1),
      sums_step_(box_[2] * (policy.interleaved ? problem.out_channels : policy.unit) +
                 (policy.interleaved ? policy.unit : 0)) {
  const Extents taps{1, t_.axes[0].filter, t_.axes[1].filter, t_.axes[2].filter};
  steps_ = is_integer(problem.accumulator) ? taps : sum_steps(taps);
  for (std::size_t a = 0; a < taps.size(); ++a) {
    blocks_.push_back(ceil_divide(taps[a], steps_[a]));
  }
  one_block_ = element_count(blocks_) <= 1;
  stores_in_place_ =
      results_are_sums<Acc>(p_) && (!policy.interleaved || t_.y[2] == p_.out_channels);
  share(depthwise_us(p_));
  add_weights<Acc>(filter_.size());
  bias_ = layout_.shared.add<Wide<Acc>>(p_.epilogue.bias ? p_.out_channels : 0);
  sums_ = layout_.slot.add<Acc>(shared_rows_ * sums_step_);
  block_sums_ = layout_.slot.add<Acc>(one_block_ ? 0 : shared_rows_ * sums_step_);
}

template <typename Acc>
std::string DepthwiseTask<Acc>::policy() const {
  return message(policy_.interleaved ? "interleaved channels" : "channels in lanes", ", boxes of ",
                 box_text(box_), " outputs");
}

template <typename Acc>
const void* DepthwiseTask<Acc>::make_weights(const void* w, void* to, std::byte*, int) const {
  return filter_.pack(w, static_cast<Acc*>(to)) ? to : nullptr;
}

template <typename Acc>
bool DepthwiseTask<Acc>::compute(const RunArguments& arguments) const {
  const auto* weights = find_weights<Acc>(arguments);
  if (weights == nullptr) return false;
  if (p_.epilogue.bias) {
    result_.load_bias(arguments, p_.out_channels, bias_.at(arguments.workspace));
  }
  for (int slot = 0; slot < layout_.slots; ++slot) {
    input_.start(layout_.at(arguments.workspace, slot));
  }
  for_each_box(arguments, [&](const Work& work) {
    const auto first = [&](std::int64_t part) {
      return policy_.first_channel(part, p_.out_channels, kernel_.lanes);
    };
    const std::int64_t channel = first(work.group);
    compute_box(arguments, weights, {work, channel, first(work.group + 1) - channel});
  });
  return true;
}

template <typename Acc>
void DepthwiseTask<Acc>::compute_box(const RunArguments& arguments, const Acc* weights,
                                     const Channels& work) const {
  input_.load(work.workspace, arguments.first, input_at(work, work.channel / group_outputs_),
              work.channels, work.first, work.outputs);
  for (std::int64_t z = 0; z < work.outputs[0]; ++z) {
    for (std::int64_t y = 0; y < work.outputs[1];) {
      const std::int64_t rows = y + shared_rows_ <= work.outputs[1] ? shared_rows_ : 1;
      sum_rows(arguments, weights + work.channel, work, z, y, rows);
      y += rows;
    }
  }
}

template <typename Acc>
void DepthwiseTask<Acc>::sum_rows(const RunArguments& arguments, const Acc* weights,
                                  const Channels& work, std::int64_t z, std::int64_t y,
                                  std::int64_t rows) const {
  const std::int64_t to = output_at(work, work.channel, z, y);
  Part* sums = reinterpret_cast<Part*>(sums_.at(work.workspace));
  DepthwiseRow<Part> row{};
  input_.aim(work.workspace, z * t_.axes[0].stride, y * t_.axes[1].stride, row);
  row.tap_planes = t_.axes[0].filter;
  row.tap_rows = t_.axes[1].filter;
  row.taps = t_.axes[2].filter;
  row.w = reinterpret_cast<const Part*>(weights);
  row.w_step = filter_.step();
  row.zero = needs_order(p_) ? Part(0) : -Part(0);
  row.rows = rows;
  row.y_row_step = stores_in_place_ ? t_.y[1] : sums_step_;
  if (policy_.interleaved) return sum_interleaved_rows(arguments, row, work, to);
  row.columns = work.outputs[2];
  row.channels = work.channels;
  row.y = stores_in_place_ ? static_cast<Part*>(arguments.result) + to : sums;
  row.y_step = stores_in_place_ ? t_.y[2] : work.channels;
  sum(row, work.workspace);
  if (!stores_in_place_) store_row(arguments, work, sums_.at(work.workspace), to);
}

// A block is some planes of taps, or some rows of one plane, or a piece of one row: its weights
// have no gaps.
template <typename Acc>
void DepthwiseTask<Acc>::sum(const DepthwiseRow<Part>& a, std::byte* workspace) const {
  if (one_block_) return kernel_.run(a);
  const Extents taps{1, a.tap_planes, a.tap_rows, a.taps};
  DepthwiseRow<Part> block = a;
  for_each_index(blocks_, [&](std::int64_t number, const Extents& i) {
    Extents first = i;
    for (std::size_t d = 0; d < first.size(); ++d) first[d] *= steps_[d];
    const std::int64_t place = first[1] * a.plane_step + first[2] * a.row_step;
    if (a.places != nullptr) {
      block.places = a.places + place;
    } else {
      block.copy = a.copy + place;
    }
    block.offsets = a.offsets + first[3];
    block.tap_planes = std::min(steps_[1], taps[1] - first[1]);
    block.tap_rows = std::min(steps_[2], taps[2] - first[2]);
    block.taps = std::min(steps_[3], taps[3] - first[3]);
    block.w = a.w + offset_of(first, compact_strides(taps)) * a.w_step;
    if (number > 0) {
      block.y = reinterpret_cast<Part*>(block_sums_.at(workspace));
      block.y_step = a.channels;
      block.y_row_step = sums_step_;
    }
    kernel_.run(block);
    if (number > 0) add_block(a, block);
  });
}

template <typename Acc>
void DepthwiseTask<Acc>::add_block(const DepthwiseRow<Part>& a, const DepthwiseRow<Part>& block) {
  for (std::int64_t m = 0; m < a.rows; ++m) {
    for (std::int64_t j = 0; j < a.columns; ++j) {
      Part* to = a.y + m * a.y_row_step + j * a.y_step;
      const Part* from = block.y + m * block.y_row_step + j * block.y_step;
      for (std::int64_t c = 0; c < a.channels; ++c) to[c] += from[c];
    }
  }
}

template <typename Acc>
void DepthwiseTask<Acc>::sum_interleaved_rows(const RunArguments& arguments, DepthwiseRow<Part> row,
                                              const Channels& work, std::int64_t to) const {
  const std::int64_t values = work.outputs[2] * p_.out_channels;
  const std::int64_t unit = policy_.unit;
  Part* sums = reinterpret_cast<Part*>(sums_.at(work.workspace));
  row.y = stores_in_place_ ? static_cast<Part*>(arguments.result) + to : sums;
  row.y_step = row.channels = unit;
  row.columns = values / unit;
  sum(row, work.workspace);
  const std::int64_t done = row.columns * unit;
  if (done < values) {  // the last column hangs over
    row.copy += done;
    row.y = stores_in_place_ ? sums : sums + done;
    row.y_row_step = sums_step_;
    row.columns = 1;
    sum(row, work.workspace);
  }
  for (std::int64_t m = 0; m < row.rows; ++m) {
    if (stores_in_place_) {
      std::copy_n(sums + m * sums_step_, values - done,
                  static_cast<Part*>(arguments.result) + to + m * t_.y[1] + done);
    } else {
      store_row(arguments, work, sums_.at(work.workspace) + m * sums_step_, to + m * t_.y[1]);
    }
  }
}

template <typename Acc>
void DepthwiseTask<Acc>::store_row(const RunArguments& arguments, const Channels& work,
                                   const Acc* sums, std::int64_t to) const {
  const Wide<Acc>* bias = p_.epilogue.bias ? bias_.at(arguments.workspace) + work.channel : nullptr;
  if (bias == nullptr && t_.y[2] == work.channels) {
    return result_.store_channels(arguments, bias, sums, work.outputs[2] * work.channels, to);
  }
  for (std::int64_t i = 0; i < work.outputs[2]; ++i) {
    result_.store_channels(arguments, bias, sums + i * work.channels, work.channels,
                           to + i * t_.y[2]);
  }
}

template class DepthwiseTask<float>;
template class DepthwiseTask<double>;
template class DepthwiseTask<std::uint32_t>;

}  // namespace faltung::direct
