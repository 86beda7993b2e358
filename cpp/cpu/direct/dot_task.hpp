#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/stencil_task.hpp"

namespace faltung::direct {

/// As StencilTask, for integers of at most 16 bits whose sums wrap at 32: the values stay in 16
/// bits, and one instruction multiplies pairs of neighbouring taps, exactly.
///
/// A filter with values beyond 16 bits, which only wider types can hold, goes to StencilTask.
class DotTask final : public Task {
 public:
  [[nodiscard]] static bool serves(const Problem& p);

  /// @param p  that serves() takes
  explicit DotTask(const Problem& p);
  [[nodiscard]] std::size_t workspace_bytes() const override { return bytes_; }
  [[nodiscard]] ErrorBound error_bound() const override { return plain_.error_bound(); }
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override { return cpu_facts(slots_); }
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                               const void* w) const override;
  void run(const RunArguments& arguments) const override;

 private:
  using Loader = BoxLoader<std::int16_t>;
  struct Prepared final : PreparedFilter {
    std::vector<Int16Pair> pairs;           // empty if they cannot hold the filter
    std::unique_ptr<PreparedFilter> plain;  // then this
  };
  /// One box of one group of one image, and the workspace of the thread that computes it.
  struct Work {
    std::int64_t image, group;
    Box first, outputs;
    std::byte* workspace;
  };

  [[nodiscard]] const Int16Pair* find_pairs(const RunArguments& arguments) const;
  bool make_pairs(const std::uint32_t* filter, Int16Pair* to) const;
  [[nodiscard]] Work work(std::int64_t block, std::byte* workspace) const;
  void compute(const RunArguments& arguments, const Int16Pair* filter, const Work& work) const;
  void sum_rows(const RunArguments& arguments, const Int16Pair* filter, const Work& work,
                std::int64_t k, std::int64_t z, std::int64_t y, std::int64_t rows) const;

  Problem p_;
  ThreeAxes t_;
  Box box_;
  Boxes boxes_;
  StencilTask<std::uint32_t> plain_;
  FilterPacker<std::uint32_t> packer_;
  Loader loader_;
  ResultRows<std::uint32_t> result_;
  StencilKernel<Int16Pair> kernel_;
  TensorStrides x_, y_;
  std::int64_t group_inputs_, group_outputs_;
  std::int64_t row_pairs_, pairs_;    // of a row of taps, and of all channels of one filter
  std::int64_t shared_rows_;          // output rows of one call of the kernel
  std::vector<std::int64_t> planes_;  // see StencilRows
  bool stores_in_place_;
  int slots_;
  std::size_t filter_at_, pairs_at_, slots_at_, slot_bytes_, bytes_;
  std::size_t buffer_at_, segments_at_, sums_at_;  // within a slot
};

}  // namespace faltung::direct
