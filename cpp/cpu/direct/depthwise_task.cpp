#include "cpp/cpu/direct/depthwise_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::direct {

template <typename Acc>
bool DepthwiseTask<Acc>::serves(const Problem& p) {
  return p.pass == Pass::forward && p.rank() <= 3 && p.groups == p.in_channels &&
         p.in_channels > 1 && p.out_channels > 0 && x_strides(p).channel == 1 &&
         y_strides(p).channel == 1 &&
         std::ranges::all_of(p.axes, [](const Axis& axis) { return axis.input_dilation == 1; }) &&
         fits_in_boxes(
             p, std::min(p.out_channels,
                         p.groups == p.out_channels ? 2 * most_part_channels : p.out_channels));
}

template <typename Acc>
DepthwiseTask<Acc>::DepthwiseTask(const Problem& problem)
    : p_(problem),
      t_(problem),
      kernel_(depthwise_kernel<Part>()),
      policy_(choose_depthwise(problem, t_, kernel_.lanes)),
      boxes_(t_, policy_.box),
      general_(problem),
      filter_(problem, policy_.interleaved ? policy_.unit : problem.out_channels),
      input_(problem, t_, policy_),
      result_(problem),
      x_(x_strides(problem)),
      y_(y_strides(problem)),
      multiplier_(problem.out_channels / problem.groups),
      blocks_(problem.batch * policy_.parts * boxes_.count()),
      shared_rows_(policy_.interleaved && input_.hop() == 0 && t_.axes[1].stride == 1 &&
                           t_.axes[1].dilation == 1 && t_.axes[1].filter > 1
                       ? most_depthwise_rows
                       : 1),
      sums_step_(policy_.box[2] * (policy_.interleaved ? problem.out_channels : policy_.unit) +
                 (policy_.interleaved ? policy_.unit : 0)) {
  stores_in_place_ = p_.output == dtype_of<Acc> && p_.epilogue == Epilogue{} &&
                     !std::is_integral_v<Acc> &&
                     (!policy_.interleaved || t_.y[2] == p_.out_channels);
  slots_ = plan_threads(blocks_, depthwise_us(p_));

  WorkspaceLayout slot;
  input_at_ = slot.add<std::byte>(static_cast<std::int64_t>(input_.workspace_bytes()));
  sums_at_ = slot.add<Acc>(shared_rows_ * sums_step_);
  slot_bytes_ = slot.bytes();
  WorkspaceLayout all;
  filter_at_ = all.add<Acc>(filter_.size());
  bias_at_ = all.add<Wide<Acc>>(p_.epilogue.bias ? p_.out_channels : 0);
  slots_at_ = all.add<std::byte>(static_cast<std::int64_t>(slot_bytes_) * slots_);
  bytes_ = std::max(all.bytes(), general_.workspace_bytes());
}

template <typename Acc>
std::string DepthwiseTask<Acc>::policy() const {
  return message(policy_.interleaved ? "interleaved channels" : "channels in lanes", ", boxes of ",
                 policy_.box[0], "x", policy_.box[1], "x", policy_.box[2], " outputs");
}

template <typename Acc>
void DepthwiseTask<Acc>::run(const RunArguments& arguments) const {
  const Acc* weights = filter_.find(arguments, at<Acc>(arguments.workspace, filter_at_));
  if (weights == nullptr) {
    if (arguments.prepared == nullptr) return general_.run(arguments);
    return general_.run_packed(arguments, filter_.compact(*arguments.prepared));
  }
  if (p_.epilogue.bias) {
    result_.load_bias(arguments, p_.out_channels, at<Wide<Acc>>(arguments.workspace, bias_at_));
  }
  const auto workspace = [&](int slot) {
    return arguments.workspace + slots_at_ + static_cast<std::size_t>(slot) * slot_bytes_;
  };
  for (int slot = 0; slot < slots_; ++slot) input_.start(workspace(slot) + input_at_);
  parallel_for(blocks_, slots_, [&](std::int64_t block, int slot) {
    compute(arguments, weights, work(block, workspace(slot)));
  });
}

template <typename Acc>
typename DepthwiseTask<Acc>::Work DepthwiseTask<Acc>::work(std::int64_t block,
                                                           std::byte* workspace) const {
  Work work{};
  work.workspace = workspace;
  block = boxes_.find(block, work.first, work.outputs);
  const std::int64_t part = block % policy_.parts;
  work.channel = policy_.first_channel(part, p_.out_channels, kernel_.lanes);
  work.channels = policy_.first_channel(part + 1, p_.out_channels, kernel_.lanes) - work.channel;
  work.image = block / policy_.parts;
  return work;
}

template <typename Acc>
void DepthwiseTask<Acc>::compute(const RunArguments& arguments, const Acc* weights,
                                 const Work& work) const {
  input_.load(work.workspace + input_at_, arguments.first,
              work.image * x_.outer + work.channel / multiplier_, work.channels, work.first,
              work.outputs);
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
                                  const Work& work, std::int64_t z, std::int64_t y,
                                  std::int64_t rows) const {
  const std::int64_t to = work.image * y_.outer + work.channel + (work.first[0] + z) * t_.y[0] +
                          (work.first[1] + y) * t_.y[1] + work.first[2] * t_.y[2];
  Part* sums = at<Part>(work.workspace, sums_at_);
  DepthwiseRow<Part> row{};
  input_.aim(work.workspace + input_at_, z * t_.axes[0].stride, y * t_.axes[1].stride, row);
  row.tap_planes = t_.axes[0].filter;
  row.tap_rows = t_.axes[1].filter;
  row.taps = t_.axes[2].filter;
  row.w = reinterpret_cast<const Part*>(weights);
  row.w_step = filter_.step();
  row.rows = rows;
  row.y_row_step = stores_in_place_ ? t_.y[1] : sums_step_;
  if (policy_.interleaved) return sum_interleaved_rows(arguments, row, work, to);
  row.columns = work.outputs[2];
  row.channels = work.channels;
  row.y = stores_in_place_ ? static_cast<Part*>(arguments.result) + to : sums;
  row.y_step = stores_in_place_ ? t_.y[2] : work.channels;
  kernel_.run(row);
  if (!stores_in_place_) store_row(arguments, work, at<Acc>(work.workspace, sums_at_), to);
}

template <typename Acc>
void DepthwiseTask<Acc>::sum_interleaved_rows(const RunArguments& arguments, DepthwiseRow<Part> row,
                                              const Work& work, std::int64_t to) const {
  const std::int64_t values = work.outputs[2] * p_.out_channels;
  const std::int64_t unit = policy_.unit;
  Part* sums = at<Part>(work.workspace, sums_at_);
  row.y = stores_in_place_ ? static_cast<Part*>(arguments.result) + to : sums;
  row.y_step = row.channels = unit;
  row.columns = values / unit;
  kernel_.run(row);
  const std::int64_t done = row.columns * unit;
  if (done < values) {  // the last column hangs over
    row.copy += done;
    row.y = stores_in_place_ ? sums : sums + done;
    row.y_row_step = sums_step_;
    row.columns = 1;
    kernel_.run(row);
  }
  for (std::int64_t m = 0; m < row.rows; ++m) {
    if (stores_in_place_) {
      std::copy_n(sums + m * sums_step_, values - done,
                  static_cast<Part*>(arguments.result) + to + m * t_.y[1] + done);
    } else {
      store_row(arguments, work, at<Acc>(work.workspace, sums_at_) + m * sums_step_,
                to + m * t_.y[1]);
    }
  }
}

template <typename Acc>
void DepthwiseTask<Acc>::store_row(const RunArguments& arguments, const Work& work, const Acc* sums,
                                   std::int64_t to) const {
  const Wide<Acc>* bias =
      p_.epilogue.bias ? at<Wide<Acc>>(arguments.workspace, bias_at_) + work.channel : nullptr;
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
