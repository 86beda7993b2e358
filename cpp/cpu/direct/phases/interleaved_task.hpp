#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cpp/cpu/direct/boxes/box.hpp"
#include "cpp/cpu/direct/boxes/kernel_task.hpp"
#include "cpp/cpu/direct/phases/interleaved_kernel.hpp"
#include "cpp/cpu/direct/phases/phases.hpp"
#include "cpp/cpu/packed_filter.hpp"

namespace faltung::direct {

/// A forward problem with input dilation over single channels: images, depthwise layers, and the
/// data gradients of those with a stride. All phases of a row of outputs are summed side by side
/// and stored as one stretch, from rows of x where they lie. One phase after the other they would
/// be loaded and stored with a stride, short row by short row.
template <typename Acc>
class InterleavedTask final : public KernelTask {
 public:
  /// Whether this task can serve the problem, on the instruction set in use.
  [[nodiscard]] static bool serves(const Problem& p);

  explicit InterleavedTask(const Problem& problem);
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] ErrorBound error_bound() const override;

 private:
  /// Outputs of one residue along an axis, and the axis of the forward problem that they are.
  struct AxisPhase {
    Phase::Part part;
    Axis axis;
  };
  /// Some rows, or a piece of one row, of the outputs of a channel.
  struct Block {
    std::int64_t image, channel, plane;
    std::int64_t first_row, rows;
    std::int64_t first, columns;  ///< of each phase; outputs
    std::byte* workspace;
  };

  void find_phases();
  [[nodiscard]] const void* make_weights(const void* w, void* to, std::byte* workspace,
                                         int threads) const override;
  [[nodiscard]] bool compute(const RunArguments& arguments) const override;
  [[nodiscard]] Block find(std::int64_t index, std::byte* workspace) const;
  template <typename F>
  static void for_each_met(const AxisPhase& phase, std::int64_t m, F&& f);
  void find_rows(const Acc* image, const Acc* weights, const Block& block) const;
  void compute_block(const RunArguments& arguments, const Acc* weights, const Block& block) const;

  Problem p_;
  ThreeAxes t_;
  FilterPacker<Acc> packer_;
  ResultRows<Acc> result_;
  InterleavedKernel<Acc> kernel_;
  TensorStrides x_, y_;
  std::int64_t group_outputs_, taps_;             ///< of the filter of one channel
  std::array<std::vector<AxisPhase>, 3> phases_;  ///< of planes, rows and columns
  std::vector<std::int64_t> row_taps_, places_;   ///< of the phases of columns
  std::vector<std::int64_t> tap_order_;           ///< of a row: where it stands in the filter's
  std::int64_t most_met_;                         ///< rows of x under a row of outputs
  std::int64_t block_rows_, block_places_;        ///< of outputs, and of each of their phases
  std::int64_t row_blocks_, place_blocks_;
  bool stores_in_place_, pads_zeros_;
  Piece<Acc> filter_;
  Piece<MetRow<Acc>> planes_, met_;  ///< within a slot, as all that follow
  Piece<std::int64_t> counts_;
  Piece<Acc> sums_;
};

/// Microseconds of one thread.
[[nodiscard]] double interleaved_us(const Problem& p);

/// Whether InterleavedTask serves a problem of these sums.
[[nodiscard]] bool is_interleaved(const Problem& p);

}  // namespace faltung::direct
