#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cpp/cpu/direct/boxes/box.hpp"
#include "cpp/cpu/direct/boxes/box_loader.hpp"
#include "cpp/cpu/direct/boxes/kernel_task.hpp"
#include "cpp/cpu/direct/gradient/gradient_kernel.hpp"
#include "cpp/cpu/direct/gradient/gradient_policy.hpp"

namespace faltung::direct {

/// The gradient of the filter of at most three axes in real floating sums.
///
/// The outputs are cut into boxes, the boxes of all images into slices, the input channels of a
/// group into parts. A unit is one slice of one part: it forms sums of its own, box by box, and
/// these are added up slice by slice. The lanes hold output channels, or neighbouring outputs where
/// a group has only few channels.
template <typename Acc>
class GradientTask final : public KernelTask {
 public:
  [[nodiscard]] static bool serves(const Problem& p);

  explicit GradientTask(const Problem& problem);
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] PlanFacts facts() const override {
    PlanFacts facts = KernelTask::facts();
    if (cut_.slices > 1) ++facts.memory_passes;  // their sums are added
    return facts;
  }

 private:
  using Segment = typename BoxLoader<Acc>::Segment;

  struct Unit {
    std::int64_t group, groups;  ///< the first, and how many that are loaded together
    std::int64_t slice;
    std::int64_t first_channel, channels;  ///< of the group's inputs
    Acc* sums;
    std::byte* workspace;
  };
  struct Place : Block {
    std::int64_t images;
    [[nodiscard]] std::int64_t count() const {
      return images * outputs[0] * outputs[1] * outputs[2];
    }
  };

  void cut();
  void lay_out();
  void find_tap_rows();
  [[nodiscard]] Unit unit(std::int64_t index, const RunArguments& arguments,
                          std::byte* workspace) const;
  [[nodiscard]] Acc* sums_of(const RunArguments& arguments, std::int64_t unit) const {
    return sums_.at(arguments.workspace) + unit * unit_size_;
  }
  /// Units of one slice: the groups that are loaded together, and parts.
  [[nodiscard]] std::int64_t units() const {
    return ceil_divide(p_.groups, groups_together_) * cut_.parts;
  }
  /// Where the sums of a part's channel lie in those of a group of a unit.
  [[nodiscard]] std::int64_t channel_at(std::int64_t channel) const {
    return channel / cut_.shared_channels * shared_size_ +
           channel % cut_.shared_channels * channel_size_;
  }
  [[nodiscard]] std::int64_t channel_step() const { return policy_.images * loader_.size(); }
  [[nodiscard]] bool compute(const RunArguments& arguments) const override;
  [[nodiscard]] bool sum_unit(const RunArguments& arguments, const Unit& unit) const;
  void load_gradient(const RunArguments& arguments, const Unit& unit, const Place& place) const;
  void load_gradient_row(const RunArguments& arguments, std::int64_t first, std::int64_t columns,
                         std::int64_t channels, std::int64_t channel_step, Acc* to) const;
  void load_inputs(const RunArguments& arguments, const Unit& unit, const Place& place,
                   std::int64_t first, std::int64_t channels) const;
  /// @param group  of those of the unit
  void add_products(const Unit& unit, const Place& place, std::int64_t group, std::int64_t first,
                    std::int64_t channels) const;
  void store_channel(const RunArguments& arguments, std::int64_t channel, Acc* values) const;

  Problem p_;
  ThreeAxes t_;
  GradientKernels<Acc> kernels_;
  GradientPolicy policy_;
  Boxes boxes_;  // of all images, those of a box counting as one
  BoxLoader<Acc> loader_;
  LoadRow<Acc> load_y_;
  LoadChannels<Acc> load_y_channels_;
  ResultRows<Acc> result_;
  TensorStrides x_, w_, y_;
  std::int64_t group_inputs_, group_outputs_, taps_;
  GradientCut cut_{};
  std::int64_t lane_channels_ = 0;  // output channels, filled up to vectors
  std::int64_t channel_size_ = 0, shared_size_ = 0, group_size_ = 0, unit_size_ = 0;  // sums
  std::int64_t groups_together_ = 1;
  std::vector<std::int64_t> rows_;      // of the loaded channels' taps, filled up to tiles
  std::vector<std::int64_t> tap_rows_;  // where the rows of taps start in one channel's dw
  std::int64_t tap_row_ = 0, tap_step_ = 0;
  bool pads_zeros_;
  Piece<Acc> sums_;
  Piece<Acc> inputs_, gradient_, values_;  // within a slot, as segments_
  Piece<Segment> segments_;
};

}  // namespace faltung::direct
