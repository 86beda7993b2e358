#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cpp/cpu/channels/channel_kernel.hpp"
#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/direct_task.hpp"
#include "cpp/cpu/direct/filter_tiles.hpp"
#include "cpp/cpu/direct/panel_packer.hpp"
#include "cpp/cpu/direct/panel_policy.hpp"

namespace faltung::direct {

/// A forward problem of at most three axes with many output channels in a group, in real floating
/// sums: a matrix product of the filter with the columns of the extended input, of which only a few
/// panels exist at a time, in cache.
///
/// As in StencilTask, a filter that is not finite goes to DirectTask.
///
/// Value is what the kernel multiplies; see ValueTraits.
template <typename Value>
class PanelTask final : public Task {
  using Acc = typename ValueTraits<Value>::Sum;

 public:
  [[nodiscard]] static bool serves(const Problem& p);

  explicit PanelTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return bytes_; }
  [[nodiscard]] ErrorBound error_bound() const override { return general_.error_bound(); }
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override {
    PlanFacts facts = cpu_facts(slots_);
    facts.flushes_subnormals = std::is_same_v<Value, BFloat16Pair>;
    return facts;
  }
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream&,
                                                               const void* w) const override {
    return filter_.prepare(w);
  }
  void run(const RunArguments& arguments) const override;

 private:
  struct Work {
    std::int64_t image, group;
    std::int64_t first_tile, tiles;  ///< of the group's output channels
    Box first, outputs;
    std::byte* workspace;
  };

  [[nodiscard]] Work work(std::int64_t block, std::byte* workspace) const;
  /// False if the weights cannot be used after all.
  bool compute(const RunArguments& arguments, const WeightTiles<Value>& weights,
               const Work& work) const;
  void store(const RunArguments& arguments, const Work& work, std::int64_t tile, const Acc* sums,
             std::int64_t row_values) const;

  Problem p_;
  ThreeAxes t_;
  ChannelShape<Value> kernel_;
  PanelPolicy policy_;
  Boxes boxes_;
  std::int64_t parts_;  // of a group's tiles
  DirectTask<Acc> general_;
  FilterTiles<Value> filter_;
  PanelPacker<Value> packer_;
  ResultRows<Acc> result_;
  TensorStrides x_, y_;
  std::int64_t group_inputs_, group_outputs_, blocks_;
  bool streams_;  // results past the caches
  int slots_;
  std::size_t tiles_at_, slots_at_, slot_bytes_, bytes_;
  std::size_t packed_at_, sums_at_;  // within a slot
};

}  // namespace faltung::direct
