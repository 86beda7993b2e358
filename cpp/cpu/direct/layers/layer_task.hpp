#pragma once

#include <cstdint>
#include <string>

#include "cpp/cpu/channels/channel_kernel.hpp"
#include "cpp/cpu/direct/boxes/box_task.hpp"
#include "cpp/cpu/direct/layers/filter_tiles.hpp"
#include "cpp/cpu/direct/layers/layer_input.hpp"
#include "cpp/cpu/direct/layers/layer_policy.hpp"
#include "cpp/cpu/element_rows.hpp"

namespace faltung::direct {

/// A forward problem of at most three axes with several output channels in a group: tiles of output
/// channels times vectors of outputs, over all input channels and taps. The kernel reads a box of
/// the input; or panels packed from it, of which only a few exist at a time, in cache, and which
/// make a matrix product of the sums.
///
/// Value is what the kernel multiplies; see ValueTraits.
template <typename Value>
class LayerTask : public BoxTask {
 public:
  LayerTask(const Problem& problem, const LayerPolicy& policy);
  [[nodiscard]] std::string policy() const final;
  [[nodiscard]] PlanFacts facts() const final;
  [[nodiscard]] ErrorBound error_bound() const final;

 private:
  using Acc = typename ValueTraits<Value>::Sum;

  [[nodiscard]] const void* make_weights(const void* w, void* to, std::byte* workspace,
                                         int threads) const final;
  [[nodiscard]] bool compute(const RunArguments& arguments) const final;
  /// False if the weights cannot be used after all.
  bool compute_box(const RunArguments& arguments, const WeightTiles<Value>& weights,
                   const Work& work) const;
  /// The sums of one tile over what is loaded, block by block.
  void sum(const ChannelSums<Value>& a) const;
  void store(const RunArguments& arguments, const Work& work, std::int64_t tile, const Acc* sums,
             std::int64_t channel_step) const;

  ChannelShape<Value> kernel_;
  LayerBlocks blocks_;
  LayerPolicy policy_;
  FilterTiles<Value> filter_;
  LayerInput<Value> input_;
  ResultRows<Acc> result_;
  bool reads_weights_in_w_;
  bool in_order_;    // see order.hpp: all blocks are added to +0
  Piece<Acc> sums_;  // within a slot
};

/// By packed panels.
template <typename Value>
class PanelTask final : public LayerTask<Value> {
 public:
  [[nodiscard]] static bool serves(const Problem& p);
  explicit PanelTask(const Problem& problem);
};

/// By boxes alone.
template <typename Value>
class ChannelTask final : public LayerTask<Value> {
 public:
  [[nodiscard]] static bool serves(const Problem& p);
  explicit ChannelTask(const Problem& problem);
};

}  // namespace faltung::direct
