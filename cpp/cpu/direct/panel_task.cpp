#include "cpp/cpu/direct/panel_task.hpp"

#include <algorithm>
#include <atomic>

#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::direct {
namespace {

// Fewer output channels use the packed values too seldom; ChannelTask reads them from boxes. But
// its vectors, and its copies, end with the rows of outputs. Where rows are short and leave a tenth
// of their vectors empty under a small filter, or one tap makes packing a copy, a tile of channels
// is enough: 3x3 of 256 channels in 32 groups on 4 images of 28x28 takes 1.9 to 2.3 ms of a Zen 4
// core then, not 2.3 to 2.8; 1x1 of 256 to 8 channels on 28x28 0.2 ms, not 0.45. On rows of 56, 3x3
// of 16 to 24 channels would take 0.39 ms, not 0.33; 5x5 of 16 to 16 on 28x28 0.28 ms, not 0.18.
constexpr std::int64_t least_outputs = 32;
constexpr std::int64_t least_outputs_of_short_rows = 8;
constexpr std::int64_t most_taps = 4096;

template <typename Value>
bool has_enough_outputs(const Problem& p) {
  const std::int64_t outputs = p.out_channels / p.groups;
  if (outputs >= least_outputs) return true;
  if (outputs < least_outputs_of_short_rows) return false;
  const std::int64_t lanes = channel_kernel<Value>().lanes;
  const std::int64_t row = p.axes.back().output();
  const std::int64_t gap = ceil_divide(row, lanes) * lanes - row;
  const bool short_rows = row <= 2 * lanes && 10 * gap >= row;
  const auto at_most = [&](std::int64_t taps) {
    return std::ranges::all_of(p.axes, [&](const Axis& axis) { return axis.filter <= taps; });
  };
  return (at_most(1) || (short_rows && at_most(3))) &&
         PanelPacker<Value>::reads_in_place(p, ThreeAxes(p));
}

}  // namespace

template <typename Value>
bool PanelTask<Value>::serves(const Problem& p) {
  if constexpr (std::is_same_v<Value, BFloat16Pair>) {
    if (p.rank() > 3 || p.filter != DType::bf16 || p.accumulator != DType::f32 ||
        !has_bfloat16_kernel() || !PanelPacker<Value>::reads_in_place(p, ThreeAxes(p))) {
      return false;
    }
  }
  if constexpr (std::is_same_v<Value, Int16Pair>) {
    if (p.accumulator != DType::i32 || !fits_int16(p.input) || !fits_int16(p.filter) ||
        !has_int16_kernel()) {
      return false;
    }
  }
  return p.pass == Pass::forward && p.rank() <= 3 &&
         std::ranges::all_of(p.axes, [](const Axis& axis) { return axis.input_dilation == 1; }) &&
         element_count(filter_extents(p)) <= most_taps && fits_in_boxes(p) &&
         has_enough_outputs<Value>(p);
}

template <typename Value>
PanelTask<Value>::PanelTask(const Problem& problem)
    : p_(problem),
      t_(problem),
      kernel_(channel_kernel<Value>()),
      policy_(
          choose_panels(problem, {kernel_.channels, kernel_.lanes, ValueTraits<Value>::channels})),
      boxes_(t_, policy_.box),
      general_(problem),
      filter_(problem, kernel_.channels),
      packer_(problem, t_, policy_.box, policy_.channels, kernel_),
      result_(problem),
      x_(x_strides(problem)),
      y_(y_strides(problem)),
      group_inputs_(problem.in_channels / problem.groups),
      group_outputs_(problem.out_channels / problem.groups) {
  parts_ = ceil_divide(filter_.group_tiles(), policy_.tiles);
  blocks_ = p_.batch * p_.groups * boxes_.count() * parts_;
  streams_ = results_are_sums<Acc>(p_) && t_.y[2] == 1 && leaves_caches(p_);
  slots_ = static_cast<int>(std::min<std::int64_t>(policy_.threads, blocks_));

  const Box& box = policy_.box;
  const std::int64_t values =
      ceil_divide(box[0] * box[1] * box[2], kernel_.lanes) * kernel_.lanes * kernel_.channels;
  WorkspaceLayout slot;
  packed_at_ = slot.add<std::byte>(static_cast<std::int64_t>(packer_.workspace_bytes()));
  sums_at_ = slot.add<Acc>(values * (policy_.channels < group_inputs_ ? policy_.tiles : 1));
  slot_bytes_ = slot.bytes();
  WorkspaceLayout all;
  tiles_at_ = all.add<Value>(filter_.reads_in_place() ? 0 : filter_.size());
  slots_at_ = all.add<std::byte>(static_cast<std::int64_t>(slot_bytes_) * slots_);
  bytes_ = std::max(all.bytes(), general_.workspace_bytes());
}

template <typename Value>
std::string PanelTask<Value>::policy() const {
  return message("panels of ", policy_.box[0], "x", policy_.box[1], "x", policy_.box[2],
                 " outputs, ", policy_.channels, " input channels at a time, ",
                 policy_.tiles * kernel_.channels, " output channels",
                 std::is_same_v<Value, Int16Pair>      ? " in pairs of 16-bit integers"
                 : std::is_same_v<Value, BFloat16Pair> ? " in pairs of bf16"
                                                       : "");
}

template <typename Value>
void PanelTask<Value>::run(const RunArguments& arguments) const {
  WeightTiles<Value> weights = filter_.where_it_lies(arguments);
  if (weights.data == nullptr) {
    Value* scratch = at<Value>(arguments.workspace, tiles_at_);
    weights = {filter_.find(arguments, scratch, slots_), filter_.tile_size(), kernel_.channels, 1};
  }
  if (weights.data == nullptr) return FilterTiles<Value>::run_without(general_, arguments);
  std::atomic<bool> usable{true};
  parallel_for(blocks_, slots_, [&](std::int64_t block, int slot) {
    std::byte* workspace =
        arguments.workspace + slots_at_ + static_cast<std::size_t>(slot) * slot_bytes_;
    if (!compute(arguments, weights, work(block, workspace))) {
      usable.store(false, std::memory_order_relaxed);
    }
  });
  if (!usable) general_.run(arguments);
}

template <typename Value>
typename PanelTask<Value>::Work PanelTask<Value>::work(std::int64_t block,
                                                       std::byte* workspace) const {
  Work work{};
  work.workspace = workspace;
  work.first_tile = block % parts_ * policy_.tiles;
  work.tiles = std::min(policy_.tiles, filter_.group_tiles() - work.first_tile);
  block /= parts_;
  block = boxes_.find(block, work.first, work.outputs);
  work.group = block % p_.groups;
  work.image = block / p_.groups;
  return work;
}

template <typename Value>
bool PanelTask<Value>::compute(const RunArguments& arguments, const WeightTiles<Value>& weights,
                               const Work& work) const {
  const bool in_w = weights.row_step == 1;
  // Weights in w are looked at by the first who reads them: they come from memory once.
  const bool checks = in_w && work.image == 0 && work.first == Box{};
  bool usable = true;
  std::byte* packed = work.workspace + packed_at_;
  packer_.start(packed, work.first, work.outputs);
  const std::int64_t outputs = work.outputs[0] * work.outputs[1] * work.outputs[2];
  const std::int64_t vectors = ceil_divide(outputs, kernel_.lanes);
  const std::int64_t row_values = vectors * kernel_.lanes;
  const std::int64_t taps = std::ssize(packer_.taps());
  for (std::int64_t c = 0; c < group_inputs_; c += policy_.channels) {
    const std::int64_t channels = std::min(policy_.channels, group_inputs_ - c);
    const std::int64_t channel = work.group * group_inputs_ + c;
    packer_.pack(packed, arguments.first, work.image * x_.outer + channel * x_.channel, x_.channel,
                 channels, work.first, work.outputs);
    for (std::int64_t i = 0; i < work.tiles; ++i) {
      const std::int64_t tile = work.group * filter_.group_tiles() + work.first_tile + i;
      const std::int64_t first_row = ceil_divide(c, ValueTraits<Value>::channels) * taps;
      const std::int64_t rows = channels * taps;
      if (checks) usable &= filter_.usable(weights, tile, first_row, rows);
      if (in_w && i + 1 < work.tiles) filter_.bring_nearer(weights, tile + 1, first_row, rows);
      const std::int64_t place = policy_.channels < group_inputs_ ? i : 0;
      Acc* sums = at<Acc>(work.workspace, sums_at_) + place * kernel_.channels * row_values;
      kernel_.run({.x = packer_.values(packed),
                   .channels = ceil_divide(channels, ValueTraits<Value>::channels),
                   .channel_step = packer_.channel_step(),
                   .taps = packer_.taps().data(),
                   .tap_count = taps,
                   .vectors = packer_.vectors().data(),
                   .vector_count = vectors,
                   .last_values = outputs - (vectors - 1) * kernel_.lanes,
                   .w = weights.data + tile * weights.tile_step + first_row * weights.row_step,
                   .w_step = weights.row_step,
                   .w_channel = weights.channel_step,
                   .y = sums,
                   .adds = c > 0});
      if (c + channels == group_inputs_) store(arguments, work, tile, sums, row_values);
    }
  }
  return usable;
}

template <typename Value>
void PanelTask<Value>::store(const RunArguments& arguments, const Work& work, std::int64_t tile,
                             const Acc* sums, std::int64_t row_values) const {
  // Rows and planes without gaps between them are stored at once.
  const bool joins_rows = t_.y[1] == work.outputs[2] * t_.y[2];
  const bool joins_planes = joins_rows && t_.y[0] == work.outputs[1] * t_.y[1];
  const std::int64_t rows = joins_rows ? 1 : work.outputs[1];
  const std::int64_t planes = joins_planes ? 1 : work.outputs[0];
  const std::int64_t count = work.outputs[0] * work.outputs[1] * work.outputs[2] / rows / planes;
  const std::int64_t first = tile % filter_.group_tiles() * kernel_.channels;
  const std::int64_t channels = std::min(kernel_.channels, group_outputs_ - first);
  std::int64_t to = work.image * y_.outer + (work.group * group_outputs_ + first) * y_.channel;
  for (std::size_t a = 0; a < 3; ++a) to += work.first[a] * t_.y[a];
  if (streams_ && rows == 1 && planes == 1) {
    return kernel_.stream({.from = sums,
                           .from_step = row_values,
                           .to = static_cast<Acc*>(arguments.result) + to,
                           .to_step = y_.channel,
                           .rows = channels,
                           .count = count});
  }
  if (y_.channel == 1) {
    for (std::int64_t z = 0; z < planes; ++z) {
      for (std::int64_t y = 0; y < rows; ++y, sums += count) {
        result_.store_block(arguments, work.group * group_outputs_ + first, channels, sums,
                            row_values, count, to + z * t_.y[0] + y * t_.y[1], t_.y[2]);
      }
    }
    return;
  }
  for (std::int64_t i = 0; i < channels; ++i) {
    const std::int64_t k = work.group * group_outputs_ + first + i;
    const Acc* row = sums + i * row_values;
    for (std::int64_t z = 0; z < planes; ++z) {
      for (std::int64_t y = 0; y < rows; ++y, row += count) {
        result_.store(arguments, k, row, count, to + i * y_.channel + z * t_.y[0] + y * t_.y[1],
                      t_.y[2]);
      }
    }
  }
}

template class PanelTask<float>;
template class PanelTask<double>;
template class PanelTask<BFloat16Pair>;
template class PanelTask<Int16Pair>;

}  // namespace faltung::direct
