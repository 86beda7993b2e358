#include "cpp/cpu/direct/dot_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::direct {
namespace {

using Sum = std::uint32_t;

std::int64_t padded(std::int64_t columns) { return columns + row_slack; }

}  // namespace

bool DotTask::serves(const Problem& p) {
  return takes_pairs(p) && StencilTask<Sum>::serves(p) && stencil_kernel<Int16Pair>() != nullptr;
}

DotTask::DotTask(const Problem& p)
    : p_(p),
      t_(p),
      box_(choose_box(t_, p.batch * p.groups, p.in_channels / p.groups, sizeof(std::int16_t),
                      longest_sum(p) * static_cast<double>(p.out_channels / p.groups), most_rows)),
      boxes_(t_, box_),
      plain_(p),
      packer_(p),
      loader_(p, t_, box_),
      result_(p),
      kernel_(stencil_kernel<Int16Pair>()),
      x_(x_strides(p)),
      y_(y_strides(p)),
      group_inputs_(p.in_channels / p.groups),
      group_outputs_(p.out_channels / p.groups),
      row_pairs_(ceil_divide(t_.axes[2].filter, 2)),
      pairs_(group_inputs_ * t_.axes[0].filter * t_.axes[1].filter * row_pairs_),
      shared_rows_(t_.axes[1].stride == 1 && t_.axes[1].dilation == 1
                       ? std::min(most_rows, t_.axes[1].filter)
                       : 1),
      stores_in_place_(results_are_sums<Sum>(p) && t_.y[2] == 1) {
  for (std::int64_t c = 0; c < group_inputs_; ++c) {
    for (std::int64_t r = 0; r < t_.axes[0].filter; ++r) {
      planes_.push_back(c * loader_.size() + r * t_.axes[0].dilation * loader_.plane_size());
    }
  }
  slots_ = plan_threads(p_.batch * p_.groups * boxes_.count(), vector_us(p_));

  WorkspaceLayout slot;
  buffer_at_ = slot.add<std::int16_t>(group_inputs_ * loader_.size());
  segments_at_ = slot.add<Loader::Segment>(loader_.most_segments());
  sums_at_ = slot.add<Sum>(most_rows * padded(box_[2]));
  slot_bytes_ = slot.bytes();
  WorkspaceLayout all;
  filter_at_ = all.add<Sum>(packer_.size());
  pairs_at_ = all.add<Int16Pair>(p_.out_channels * pairs_);
  slots_at_ = all.add<std::byte>(static_cast<std::int64_t>(slot_bytes_) * slots_);
  bytes_ = std::max(all.bytes(), plain_.workspace_bytes());
}

std::string DotTask::policy() const {
  return message("boxes of ", box_[0], "x", box_[1], "x", box_[2],
                 " outputs, products of 16-bit integers in pairs");
}

// False if some weight needs more than 16 bits, taken modulo 2^32 as the sums are.
bool DotTask::make_pairs(const std::uint32_t* filter, Int16Pair* to) const {
  const std::int64_t taps = t_.axes[2].filter;
  const std::int64_t rows = p_.out_channels * pairs_ / row_pairs_;
  std::uint32_t wide = 0;
  const auto narrow = [&](std::uint32_t weight) {
    const auto value = static_cast<std::int16_t>(weight);
    wide |= weight ^ static_cast<std::uint32_t>(std::int32_t{value});
    return value;
  };
  for (std::int64_t row = 0; row < rows; ++row, filter += taps) {
    for (std::int64_t t = 0; t < taps; t += 2, ++to) {
      *to = {narrow(filter[t]), t + 1 < taps ? narrow(filter[t + 1]) : std::int16_t{0}};
    }
  }
  return wide == 0;
}

const Int16Pair* DotTask::find_pairs(const RunArguments& arguments) const {
  if (arguments.prepared != nullptr) {
    const auto& prepared = static_cast<const Prepared&>(*arguments.prepared);
    return prepared.plain == nullptr ? prepared.pairs.data() : nullptr;
  }
  auto* pairs = at<Int16Pair>(arguments.workspace, pairs_at_);
  const Sum* filter = packer_.filter(arguments, at<Sum>(arguments.workspace, filter_at_));
  return make_pairs(filter, pairs) ? pairs : nullptr;
}

std::unique_ptr<PreparedFilter> DotTask::prepare_filter(const Stream& stream, const void* w) const {
  std::vector<Sum> scratch(static_cast<std::size_t>(packer_.size()));
  RunArguments arguments;
  arguments.second = w;
  auto prepared = std::make_unique<Prepared>();
  prepared->pairs.resize(static_cast<std::size_t>(p_.out_channels * pairs_));
  if (!make_pairs(packer_.filter(arguments, scratch.data()), prepared->pairs.data())) {
    prepared->pairs = {};
    prepared->plain = plain_.prepare_filter(stream, w);
  }
  return prepared;
}

void DotTask::run(const RunArguments& arguments) const {
  const Int16Pair* filter = find_pairs(arguments);
  if (filter == nullptr) {
    RunArguments others = arguments;
    if (arguments.prepared != nullptr) {
      others.prepared = static_cast<const Prepared&>(*arguments.prepared).plain.get();
    }
    return plain_.run(others);
  }
  parallel_for(p_.batch * p_.groups * boxes_.count(), slots_, [&](std::int64_t block, int slot) {
    std::byte* workspace =
        arguments.workspace + slots_at_ + static_cast<std::size_t>(slot) * slot_bytes_;
    compute(arguments, filter, work(block, workspace));
  });
}

DotTask::Work DotTask::work(std::int64_t block, std::byte* workspace) const {
  Work work{.image = 0, .group = 0, .first = {}, .outputs = {}, .workspace = workspace};
  block = boxes_.find(block, work.first, work.outputs);
  work.group = block % p_.groups;
  work.image = block / p_.groups;
  return work;
}

void DotTask::compute(const RunArguments& arguments, const Int16Pair* filter,
                      const Work& work) const {
  auto* buffer = at<std::int16_t>(work.workspace, buffer_at_);
  for (std::int64_t c = 0; c < group_inputs_; ++c) {
    const std::int64_t channel = work.group * group_inputs_ + c;
    loader_.load(arguments.first, work.image * x_.outer + channel * x_.channel, work.first,
                 work.outputs, at<Loader::Segment>(work.workspace, segments_at_),
                 buffer + c * loader_.size());
  }
  for (std::int64_t k = work.group * group_outputs_; k < (work.group + 1) * group_outputs_; ++k) {
    for (std::int64_t z = 0; z < work.outputs[0]; ++z) {
      for (std::int64_t y = 0; y < work.outputs[1]; y += shared_rows_) {
        sum_rows(arguments, filter + k * pairs_, work, k, z, y,
                 std::min(shared_rows_, work.outputs[1] - y));
      }
    }
  }
}

void DotTask::sum_rows(const RunArguments& arguments, const Int16Pair* filter, const Work& work,
                       std::int64_t k, std::int64_t z, std::int64_t y, std::int64_t rows) const {
  const std::int64_t to = work.image * y_.outer + k * y_.channel + (work.first[0] + z) * t_.y[0] +
                          (work.first[1] + y) * t_.y[1] + work.first[2] * t_.y[2];
  Sum* sums = stores_in_place_ ? static_cast<Sum*>(arguments.result) + to
                               : at<Sum>(work.workspace, sums_at_);
  const std::int64_t sums_step = stores_in_place_ ? t_.y[1] : padded(box_[2]);
  kernel_({.x = at<std::int16_t>(work.workspace, buffer_at_) +
                z * t_.axes[0].stride * loader_.plane_size() +
                y * t_.axes[1].stride * loader_.row_size(),
           .planes = planes_.data(),
           .plane_count = static_cast<std::int64_t>(planes_.size()),
           .tap_rows = t_.axes[1].filter,
           .tap_row_step = t_.axes[1].dilation * loader_.row_size(),
           .taps = row_pairs_,
           .tap_step = 2,
           .offsets = nullptr,
           .w = filter,
           .y = sums,
           .y_row_step = sums_step,
           .rows = rows,
           .columns = work.outputs[2]});
  if (stores_in_place_) return;
  for (std::int64_t m = 0; m < rows; ++m) {
    result_.store(arguments, k, sums + m * sums_step, work.outputs[2], to + m * t_.y[1], t_.y[2]);
  }
}

}  // namespace faltung::direct
