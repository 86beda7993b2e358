#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpp/cpu/channels/channel_kernel.hpp"
#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/box.hpp"
#include "cpp/cpu/direct/box_channels.hpp"
#include "cpp/cpu/direct/box_loader.hpp"
#include "cpp/cpu/direct/direct_task.hpp"
#include "cpp/cpu/direct/filter_tiles.hpp"

namespace faltung::direct {

/// A forward problem of at most three axes with several output channels in a group, in real
/// floating sums: tiles of output channels times vectors of outputs, over all input channels and
/// taps, from a box of the input kept in cache.
///
/// As in StencilTask, a filter that is not finite goes to DirectTask.
template <typename Acc>
class ChannelTask final : public Task {
 public:
  [[nodiscard]] static bool serves(const Problem& p);

  explicit ChannelTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return bytes_; }
  [[nodiscard]] ErrorBound error_bound() const override { return general_.error_bound(); }
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override { return cpu_facts(slots_); }
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream&,
                                                               const void* w) const override {
    return filter_.prepare(w);
  }
  void run(const RunArguments& arguments) const override;

 private:
  using Segment = typename BoxLoader<Acc>::Segment;
  struct Work {
    std::int64_t image, group;
    std::int64_t first_tile, tiles;  ///< of the group's output channels
    Box first, outputs;
    std::byte* workspace;
  };

  [[nodiscard]] Work work(std::int64_t block, std::byte* workspace) const;
  void compute(const RunArguments& arguments, const Acc* tiles, const Work& work) const;
  [[nodiscard]] std::int64_t find_vectors(const Work& work, std::int64_t* vectors) const;
  void store(const RunArguments& arguments, const Work& work, std::int64_t tile,
             std::int64_t vectors) const;

  Problem p_;
  ThreeAxes t_;
  Box box_;
  Boxes boxes_;
  ChannelShape<Acc> kernel_;
  DirectTask<Acc> general_;
  FilterTiles<Acc> filter_;
  BoxLoader<Acc> loader_;
  BoxChannels<Acc> box_channels_;
  ResultRows<Acc> result_;
  TensorStrides x_, y_;
  std::int64_t group_inputs_, group_outputs_;
  std::int64_t parts_, part_tiles_;  // parts of a group's tiles that share a box
  std::vector<std::int64_t> taps_;
  int slots_;
  std::size_t tiles_at_, slots_at_, slot_bytes_, bytes_;
  std::size_t buffer_at_, segments_at_, vectors_at_, sums_at_;  // within a slot
};

}  // namespace faltung::direct
