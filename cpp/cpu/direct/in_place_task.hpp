#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/box.hpp"
#include "cpp/cpu/direct/direct_task.hpp"
#include "cpp/cpu/direct/in_place_kernel.hpp"

namespace faltung::direct {

/// A forward problem of small filters over single channels (images, depthwise layers), in vectors
/// that are read where they lie in x: a table of pointers resolves the boundaries of the slower
/// axes, the kernel those of the rows. On its way through a buffer every value would be read and
/// written once more, which takes as long as 3x3 products.
///
/// The kernel multiplies zeros beyond a boundary, which a filter with NaN or infinity would make
/// NaN; such a filter goes to DirectTask, which leaves them out.
template <typename Acc, typename Element = Acc>
class InPlaceTask final : public Task {
 public:
  /// Whether this task can serve the problem, on the instruction set in use.
  [[nodiscard]] static bool serves(const Problem& p);

  explicit InPlaceTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return bytes_; }
  [[nodiscard]] ErrorBound error_bound() const override { return general_.error_bound(); }
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override { return cpu_facts(slots_); }
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream&,
                                                               const void* w) const override {
    return packer_.prepare(w);
  }
  void run(const RunArguments& arguments) const override;

 private:
  /// One box of one input channel of one image, and the workspace of its thread.
  struct Work {
    std::int64_t image, channel;
    Box first, outputs;
    const Element** rows;
    Acc* sums;
  };
  /// What stands for the offset of a row that is not in the image. Offsets may be negative.
  static constexpr std::int64_t zeros = INT64_MIN, constants = INT64_MIN + 1;

  void find_offsets();
  void find_ends();
  void compute(const RunArguments& arguments, const Acc* filter, const Work& work) const;
  [[nodiscard]] const Element* row(const Element* image, std::int64_t plane,
                                   std::int64_t row) const;
  void find_rows(const Element* image, const Work& work, std::int64_t z, std::int64_t y,
                 std::int64_t rows) const;
  void prefetch_rows(const Element* image, const Work& work, std::int64_t z, std::int64_t y,
                     const Acc* results) const;
  void sum_rows(const RunArguments& arguments, InPlaceRows<Acc, Element>& a, std::int64_t k,
                std::int64_t to) const;

  Problem p_;
  ThreeAxes t_;
  Box box_;
  Boxes boxes_;
  DirectTask<Acc> general_;
  FilterPacker<Acc> packer_;
  ResultRows<Acc> result_;
  InPlaceKernel<Acc, Element> kernel_;
  TensorStrides x_, y_;
  std::int64_t multiplier_;                           // outputs of an input channel
  std::int64_t taps_;                                 // of a filter
  std::array<std::vector<std::int64_t>, 2> offsets_;  // of planes and rows
  std::vector<Element> constant_row_;
  std::unique_ptr<InPlaceEnds<Acc>> ends_;  // null: zeros
  bool stores_in_place_, streams_, pads_zeros_;
  int slots_;
  std::size_t filter_at_, slots_at_, slot_bytes_, bytes_;
  std::size_t rows_at_, sums_at_;  // within a slot
};

}  // namespace faltung::direct
