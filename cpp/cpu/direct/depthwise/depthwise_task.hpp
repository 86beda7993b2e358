#pragma once

#include <cstdint>
#include <string>

#include "cpp/cpu/direct/boxes/box_task.hpp"
#include "cpp/cpu/direct/depthwise/depthwise_filter.hpp"
#include "cpp/cpu/direct/depthwise/depthwise_input.hpp"
#include "cpp/cpu/direct/depthwise/depthwise_kernel.hpp"
#include "cpp/cpu/direct/depthwise/depthwise_policy.hpp"

namespace faltung::direct {

/// A forward problem of at most three axes with one input channel in a group, channels side by side
/// in memory, in real sums: neighbouring channels in the lanes of a vector.
template <typename Acc>
class DepthwiseTask final : public BoxTask {
 public:
  [[nodiscard]] static bool serves(const Problem& p);

  explicit DepthwiseTask(const Problem& problem) : DepthwiseTask(problem, policy_of(problem)) {}
  [[nodiscard]] std::string policy() const override;

 private:
  using Part = LaneType<Acc>;

  /// A block, whose group is a part of the channels.
  struct Channels : Work {
    std::int64_t channel, channels;  ///< the first one, and how many
  };

  DepthwiseTask(const Problem& problem, const DepthwisePolicy& policy);
  [[nodiscard]] static DepthwisePolicy policy_of(const Problem& problem);
  [[nodiscard]] const void* make_weights(const void* w, void* to, std::byte* workspace,
                                         int threads) const override;
  [[nodiscard]] bool compute(const RunArguments& arguments) const override;
  void compute_box(const RunArguments& arguments, const Acc* weights, const Channels& work) const;
  void sum_rows(const RunArguments& arguments, const Acc* weights, const Channels& work,
                std::int64_t z, std::int64_t y, std::int64_t rows) const;
  /// The sums of a call of the kernel, block by block.
  void sum(const DepthwiseRow<Part>& row, std::byte* workspace) const;
  /// Adds the partial sums of the last call, `block`, to those before it.
  static void add_block(const DepthwiseRow<Part>& row, const DepthwiseRow<Part>& block);
  void sum_interleaved_rows(const RunArguments& arguments, DepthwiseRow<Part> row,
                            const Channels& work, std::int64_t to) const;
  void store_row(const RunArguments& arguments, const Channels& work, const Acc* sums,
                 std::int64_t to) const;

  DepthwiseKernel<Part> kernel_;
  DepthwisePolicy policy_;
  DepthwiseFilter<Acc> filter_;
  DepthwiseInput<Acc> input_;
  ResultRows<Acc> result_;
  Extents steps_, blocks_;  // of the blocks of a sum, see sum_steps, and how many there are
  bool one_block_;
  std::int64_t shared_rows_;  // output rows of one call of the kernel
  std::int64_t sums_step_;    // from one of them to the next
  Piece<Wide<Acc>> bias_;
  Piece<Acc> sums_, block_sums_;  // within a slot
};

}  // namespace faltung::direct
