#include "cpp/cpu/direct/layers/layer_task.hpp"

#include <algorithm>
#include <atomic>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"

namespace faltung::direct {
namespace {

template <typename Value>
PanelTile tile_of() {
  const ChannelShape<Value> kernel = channel_kernel<Value>();
  return {kernel.channels, kernel.lanes, ValueTraits<Value>::channels};
}

}  // namespace

template <typename Value>
bool PanelTask<Value>::serves(const Problem& p) {
  if constexpr (std::is_same_v<Value, BFloat16Pair>) {
    if (p.rank() > 3 || p.filter != DType::bf16 || p.accumulator != DType::f32 ||
        !has_bfloat16_kernel() || !LayerInput<Value>::reads_in_place(p, ThreeAxes(p))) {
      return false;
    }
  }
  if constexpr (std::is_same_v<Value, Int16Pair>) {
    if (p.accumulator != DType::i32 || !fits_int16(p.input) || !fits_int16(p.filter) ||
        !has_int16_kernel()) {
      return false;
    }
  }
  return p.pass == Pass::forward && has_kernel_axes(p) && fits_in_boxes(p) &&
         is_for_panels(p, channel_kernel<Value>().lanes,
                       LayerInput<Value>::reads_in_place(p, ThreeAxes(p)));
}

template <typename Value>
PanelTask<Value>::PanelTask(const Problem& problem)
    : LayerTask<Value>(problem, choose_panels(problem, tile_of<Value>())) {}

template <typename Value>
bool ChannelTask<Value>::serves(const Problem& p) {
  return p.pass == Pass::forward && has_kernel_axes(p) &&
         p.out_channels / p.groups >= min_unpacked_outputs && fits_in_boxes(p);
}

template <typename Value>
ChannelTask<Value>::ChannelTask(const Problem& problem)
    : LayerTask<Value>(problem, choose_unpacked(problem, tile_of<Value>())) {}

template <typename Value>
LayerTask<Value>::LayerTask(const Problem& problem, const LayerPolicy& policy)
    : BoxTask(problem, ThreeAxes(problem), policy.box, problem.groups,
              ceil_divide(ceil_divide(problem.out_channels / problem.groups,
                                      channel_kernel<Value>().channels),
                          policy.tiles),
              std::make_unique<DirectTask<Acc>>(problem)),
      kernel_(channel_kernel<Value>()),
      blocks_(problem, ValueTraits<Value>::channels),
      policy_(policy),
      filter_(problem, kernel_.channels),
      input_(problem, t_, policy, kernel_, layout_.slot),
      result_(problem),
      reads_weights_in_w_(policy.packs && filter_.reads_in_place()),
      in_order_(needs_order(problem)) {
  streams_ = policy.packs && results_are_sums<Acc>(p_) && t_.y[2] == 1 && leaves_caches(p_);
  layout_.slots = static_cast<int>(std::min<std::int64_t>(policy.threads, boxes_.count()));
  add_weights<Value>(filter_.size(), reads_weights_in_w_ ? 0 : filter_.size());
  const std::int64_t values = input_.vectors(box_) * kernel_.lanes * kernel_.channels;
  sums_ = layout_.slot.add<Acc>(values * (policy.channels < group_inputs_ ? policy.tiles : 1));
}

template <typename Value>
std::string LayerTask<Value>::policy() const {
  if (!policy_.packs) {
    return message("tiles of ", kernel_.channels, " channels, boxes of ", box_text(box_),
                   " outputs");
  }
  return message("panels of ", box_text(box_), " outputs, ", policy_.channels,
                 " input channels at a time, ", policy_.tiles * kernel_.channels,
                 " output channels",
                 std::is_same_v<Value, Int16Pair>      ? " in pairs of 16-bit integers"
                 : std::is_same_v<Value, BFloat16Pair> ? " in pairs of bf16"
                                                       : "");
}

template <typename Value>
PlanFacts LayerTask<Value>::facts() const {
  PlanFacts facts = BoxTask::facts();
  facts.flushes_subnormals = std::is_same_v<Value, BFloat16Pair>;
  return facts;
}

template <typename Value>
ErrorBound LayerTask<Value>::error_bound() const {
  ErrorBound bound = BoxTask::error_bound();
  if constexpr (std::is_same_v<Value, BFloat16Pair>) {
    const double roundings =
        ValueTraits<Value>::channels * sum_roundings(blocks_.extents, blocks_.steps);
    bound.constant = std::max(bound.constant, sum_error(roundings, p_.accumulator));
  }
  return bound;
}

template <typename Value>
const void* LayerTask<Value>::make_weights(const void* w, void* to, std::byte*, int threads) const {
  return filter_.pack(w, static_cast<Value*>(to), threads) ? to : nullptr;
}

template <typename Value>
bool LayerTask<Value>::compute(const RunArguments& arguments) const {
  const WeightTiles<Value> weights = reads_weights_in_w_ && arguments.prepared == nullptr
                                         ? filter_.in_filter(arguments.second)
                                         : filter_.in_tiles(find_weights<Value>(arguments));
  if (weights.data == nullptr) return false;
  std::atomic<bool> usable{true};
  for_each_box(arguments, [&](const Work& work) {
    if (!compute_box(arguments, weights, work)) usable.store(false, std::memory_order_relaxed);
  });
  return usable;
}

template <typename Value>
bool LayerTask<Value>::compute_box(const RunArguments& arguments, const WeightTiles<Value>& weights,
                                   const Work& work) const {
  const bool in_w = weights.row_step == 1;
  // Weights in w are looked at by the first who reads them: they come from memory once.
  const bool checks = in_w && work.image == 0 && work.first == Box{};
  const std::int64_t first_tile = work.part * policy_.tiles;
  const std::int64_t tiles = std::min(policy_.tiles, filter_.group_tiles() - first_tile);
  bool usable = true;
  ChannelSums<Value> a{};
  input_.start(work.workspace, work, a);
  a.w_step = weights.row_step;
  a.w_channel = weights.channel_step;
  const std::int64_t channel_step = a.vector_count * kernel_.lanes;
  for (std::int64_t c = 0; c < group_inputs_; c += policy_.channels) {
    const std::int64_t channels = std::min(policy_.channels, group_inputs_ - c);
    input_.load(work.workspace, arguments.first, input_at(work, work.group * group_inputs_ + c),
                channels, work);
    a.channels = ceil_divide(channels, ValueTraits<Value>::channels);
    a.adds = c > 0 || in_order_;
    for (std::int64_t i = 0; i < tiles; ++i) {
      const std::int64_t tile = work.group * filter_.group_tiles() + first_tile + i;
      const std::int64_t first_row = ceil_divide(c, ValueTraits<Value>::channels) * a.tap_count;
      const std::int64_t rows = channels * a.tap_count;
      if (checks) usable &= filter_.usable(weights, tile, first_row, rows);
      if (in_w && i + 1 < tiles) filter_.prefetch_rows(weights, tile + 1, first_row, rows);
      const std::int64_t place = policy_.channels < group_inputs_ ? i : 0;
      a.w = weights.data + tile * weights.tile_step + first_row * weights.row_step;
      a.y = sums_.at(work.workspace) + place * kernel_.channels * channel_step;
      if (in_order_ && c == 0) std::fill_n(a.y, kernel_.channels * channel_step, Acc(0));
      sum(a);
      if (c + channels == group_inputs_) store(arguments, work, tile, a.y, channel_step);
    }
  }
  return usable;
}

template <typename Value>
void LayerTask<Value>::sum(const ChannelSums<Value>& a) const {
  ChannelSums<Value> block = a;
  for (std::int64_t c = 0; c < a.channels; c += blocks_.steps[0]) {
    block.channels = std::min(blocks_.steps[0], a.channels - c);
    block.x = a.x + c * a.channel_step;
    std::int64_t from = 0;
    for (const std::int64_t end : blocks_.tap_ends) {
      block.taps = a.taps + from;
      block.tap_count = end - from;
      block.w = a.w + (c * a.tap_count + from) * a.w_step;
      kernel_.run(block);
      block.adds = true;
      from = end;
    }
  }
}

template <typename Value>
void LayerTask<Value>::store(const RunArguments& arguments, const Work& work, std::int64_t tile,
                             const Acc* sums, std::int64_t channel_step) const {
  const auto [z_outputs, y_outputs, columns] = work.outputs;
  // Rows and planes without gaps between them are stored at once.
  const std::int64_t row_step = input_.row_step(columns);
  const bool joins_rows = row_step == columns && t_.y[1] == columns * t_.y[2];
  const bool joins_planes = joins_rows && t_.y[0] == y_outputs * t_.y[1];
  const std::int64_t rows = joins_rows ? 1 : y_outputs;
  const std::int64_t planes = joins_planes ? 1 : z_outputs;
  const std::int64_t count = z_outputs * y_outputs * columns / rows / planes;
  const std::int64_t step = joins_rows ? count : row_step;
  const std::int64_t first = tile % filter_.group_tiles() * kernel_.channels;
  const std::int64_t channels = std::min(kernel_.channels, group_outputs_ - first);
  const std::int64_t first_k = work.group * group_outputs_ + first;
  const std::int64_t to = output_at(work, first_k, 0, 0);
  if (streams_ && rows == 1 && planes == 1) {
    return kernel_.stream({.from = sums,
                           .from_step = channel_step,
                           .to = static_cast<Acc*>(arguments.result) + to,
                           .to_step = y_.channel,
                           .rows = channels,
                           .count = count});
  }
  if (y_.channel == 1) {
    for (std::int64_t z = 0; z < planes; ++z) {
      for (std::int64_t y = 0; y < rows; ++y, sums += step) {
        result_.store_block(arguments, first_k, channels, sums, channel_step, count,
                            to + z * t_.y[0] + y * t_.y[1], t_.y[2]);
      }
    }
    return;
  }
  for (std::int64_t i = 0; i < channels; ++i) {
    const Acc* row = sums + i * channel_step;
    for (std::int64_t z = 0; z < planes; ++z) {
      for (std::int64_t y = 0; y < rows; ++y, row += step) {
        result_.store(arguments, first_k + i, row, count,
                      to + i * y_.channel + z * t_.y[0] + y * t_.y[1], t_.y[2]);
      }
    }
  }
}

template class LayerTask<float>;
template class LayerTask<double>;
template class LayerTask<BFloat16Pair>;
template class LayerTask<Int16Pair>;
template class PanelTask<float>;
template class PanelTask<double>;
template class PanelTask<BFloat16Pair>;
template class PanelTask<Int16Pair>;
template class ChannelTask<float>;
template class ChannelTask<double>;

}  // namespace faltung::direct
