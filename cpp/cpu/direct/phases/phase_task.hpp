#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpp/cpu/direct/phases/phases.hpp"
#include "cpp/cpu/packed_filter.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::direct {

/// A gradient of the data, or a forward problem with input dilation, as one forward problem for
/// each of its phases (phases.hpp), by the vector kernels. The threads share the phases, and each
/// phase is shared once more if it is large.
template <typename Acc>
class PhaseTask final : public Task {
 public:
  [[nodiscard]] static bool serves(const Problem& p);

  explicit PhaseTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return layout_.bytes(); }
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override;
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                               const void* w) const override;
  void run(const RunArguments& arguments) const override;

 private:
  struct Step {
    std::unique_ptr<Task> task;      ///< null if no tap meets these results
    std::int64_t first;              ///< where they start
    std::vector<std::int64_t> taps;  ///< of the filter
    std::int64_t filter;             ///< where the filter starts among the packed ones
    Shape results;                   ///< how many
    Strides strides;                 ///< between them
  };
  struct Filters;

  void add_step(const Phase& phase);
  [[nodiscard]] const Acc* taps_of(const Acc* filter, std::int64_t outer, std::int64_t inner) const;
  void pack(const Acc* filter, std::int64_t first_channel, std::int64_t channels, Acc* to) const;
  void store_zeros(const RunArguments& arguments, const Step& step) const;

  Problem p_;
  FilterPacker<Acc> packer_;
  ResultRows<Acc> result_;
  TensorStrides to_;  // of the result
  std::int64_t group_inputs_, group_outputs_, taps_;
  std::int64_t channels_, inner_;  // of the forward problems: k, and c/g
  std::vector<Step> steps_;
  std::int64_t filters_size_ = 0, longest_row_ = 0;
  bool clears_ = false;  ///< the result, where no tap meets some of it
  std::size_t result_bytes_ = 0;
  SlotLayout layout_;  // a slot is the workspace of a step
  Piece<Acc> filter_, filters_, zeros_;
};

}  // namespace faltung::direct
