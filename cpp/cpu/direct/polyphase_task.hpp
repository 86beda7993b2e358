#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/direct_task.hpp"
#include "cpp/cpu/direct/polyphase_kernel.hpp"
#include "cpp/cpu/direct/polyphase_policy.hpp"
#include "cpp/cpu/direct/stencil_task.hpp"

namespace faltung::direct {

/// A change of rate: a forward problem with input dilation along one axis, one input channel in a
/// group. Only products with elements are formed, none with the zeros between them.
///
/// A window of one line, or of lines side by side, is copied with its boundaries resolved. An
/// output is then the dot product of neighbours in the window with the taps of its phase; outputs a
/// period apart share the taps. Vectors hold neighbours of the window, or of lines side by side.
///
/// The kernels multiply the zeros beyond a boundary, which a filter with NaN or infinity would make
/// NaN; such a filter goes to DirectTask, which leaves them out.
template <typename Acc>
class PolyphaseTask final : public Task {
 public:
  /// @param problem  that choose_polyphase takes
  explicit PolyphaseTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return bytes_; }
  [[nodiscard]] ErrorBound error_bound() const override { return general_.error_bound(); }
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override { return cpu_facts(slots_); }
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                               const void* w) const override;
  void run(const RunArguments& arguments) const override;

 private:
  using Part = typename VectorPart<Acc>::type;
  static constexpr bool complex = is_complex_value<Acc>;
  static constexpr std::int64_t parts = complex ? 2 : 1;
  struct Filters;
  /// Some outputs of some lines of one channel, and the workspace of the thread that computes them.
  struct Block {
    std::int64_t image, group;
    std::int64_t outer_x, outer_y;  // where the lines start within the channel
    std::int64_t column, columns;   // lines
    std::int64_t first, outputs;    // of each phase
    std::byte* workspace;
  };

  [[nodiscard]] std::int64_t packed_size() const;
  void pack(const Acc* filter, Part* to) const;
  [[nodiscard]] Block find(std::int64_t index, std::byte* workspace) const;
  void load(const RunArguments& arguments, const Block& block) const;
  void load_row(const void* image, std::int64_t first, std::int64_t position, const Block& block,
                Acc* to) const;
  void compute(const RunArguments& arguments, const Part* filters, const Block& block) const;
  void store(const RunArguments& arguments, std::int64_t k, const Block& block) const;

  Problem p_;
  PolyphasePolicy policy_;
  Axis axis_;
  DirectTask<Acc> general_;
  FilterPacker<Acc> packer_;
  LoadRow<Acc> load_;
  ResultRows<Acc> result_;
  PhaseKernels<Part> kernels_;
  TensorStrides x_, y_;
  Shape outer_;  // extents of the axes before
  std::int64_t outer_count_, group_outputs_, taps_;
  std::int64_t chunks_, blocks_;  // of lines, and of outputs
  std::int64_t row_parts_;        // values from one row of a window to the next
  std::int64_t filter_parts_;     // values of one packed filter, by its real parts
  bool by_imaginary_;             // the filter has imaginary parts
  bool pads_zeros_;
  std::vector<PhaseTaps> phases_;
  std::vector<std::int64_t> first_taps_;  // of each phase, in the filter
  std::int64_t tap_step_ = 1;
  int slots_;
  std::size_t filter_at_, packed_at_, slots_at_, slot_bytes_, bytes_;
  std::size_t window_at_, sums_at_, other_sums_at_;  // within a slot
};

}  // namespace faltung::direct
