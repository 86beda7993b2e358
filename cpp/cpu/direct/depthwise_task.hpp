#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/depthwise_filter.hpp"
#include "cpp/cpu/direct/depthwise_input.hpp"
#include "cpp/cpu/direct/depthwise_kernel.hpp"
#include "cpp/cpu/direct/depthwise_policy.hpp"
#include "cpp/cpu/direct/direct_task.hpp"

namespace faltung::direct {

template <typename Acc>
inline constexpr bool has_depthwise_sums =
    std::is_same_v<Acc, float> || std::is_same_v<Acc, double> || std::is_same_v<Acc, std::uint32_t>;

/// A forward problem of at most three axes with one input channel in a group, channels side by side
/// in memory, in real sums: neighbouring channels in the lanes of a vector.
///
/// As in StencilTask, a filter that is not finite goes to DirectTask.
template <typename Acc>
class DepthwiseTask final : public Task {
 public:
  [[nodiscard]] static bool serves(const Problem& p);

  explicit DepthwiseTask(const Problem& problem);
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
  using Part = LaneType<Acc>;

  /// One box of one part of the channels of one image, and the workspace of the thread that
  /// computes it.
  struct Work {
    std::int64_t image;
    std::int64_t channel, channels;  ///< the first one, and how many
    Box first, outputs;
    std::byte* workspace;
  };

  [[nodiscard]] Work work(std::int64_t block, std::byte* workspace) const;
  void compute(const RunArguments& arguments, const Acc* weights, const Work& work) const;
  void sum_rows(const RunArguments& arguments, const Acc* weights, const Work& work, std::int64_t z,
                std::int64_t y, std::int64_t rows) const;
  void sum_interleaved_rows(const RunArguments& arguments, DepthwiseRow<Part> row, const Work& work,
                            std::int64_t to) const;
  void store_row(const RunArguments& arguments, const Work& work, const Acc* sums,
                 std::int64_t to) const;

  Problem p_;
  ThreeAxes t_;
  DepthwiseKernel<Part> kernel_;
  DepthwisePolicy policy_;
  Boxes boxes_;
  DirectTask<Acc> general_;
  DepthwiseFilter<Acc> filter_;
  DepthwiseInput<Acc> input_;
  ResultRows<Acc> result_;
  TensorStrides x_, y_;
  std::int64_t multiplier_;  // output channels of a group
  std::int64_t blocks_;
  std::int64_t shared_rows_;  // output rows of one call of the kernel
  std::int64_t sums_step_;    // from one of them to the next
  bool stores_in_place_;
  int slots_;
  std::size_t filter_at_, bias_at_, slots_at_, slot_bytes_, bytes_;
  std::size_t input_at_, sums_at_;  // within a slot
};

}  // namespace faltung::direct
