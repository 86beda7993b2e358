#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cpp/cpu/direct/boxes/kernel_task.hpp"
#include "cpp/cpu/direct/phases/polyphase_kernel.hpp"
#include "cpp/cpu/direct/phases/polyphase_policy.hpp"
#include "cpp/cpu/direct/stencil/stencil_task.hpp"

namespace faltung::direct {

/// A change of rate: a forward problem with input dilation along one axis, one input channel in a
/// group. Only products with elements are formed, none with the zeros between them.
///
/// A window of one line, or of lines side by side, is copied with its boundaries resolved. An
/// output is then the dot product of neighbours in the window with the taps of its phase; outputs a
/// period apart share the taps. Vectors hold neighbours of the window, or of lines side by side.
template <typename Acc>
class PolyphaseTask final : public KernelTask {
 public:
  /// @param problem  that choose_polyphase takes
  explicit PolyphaseTask(const Problem& problem);
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] ErrorBound error_bound() const override;

 private:
  using Part = typename VectorPart<Acc>::type;
  static constexpr bool complex = is_complex_value<Acc>;
  static constexpr std::int64_t parts = complex ? 2 : 1;
  /// Some outputs of some lines of one channel, and the workspace of the thread that computes them.
  struct Block {
    std::int64_t image, group;
    std::int64_t outer_x, outer_y;  // where the lines start within the channel
    std::int64_t column, columns;   // lines
    std::int64_t first, outputs;    // of each phase
    std::byte* workspace;
  };

  [[nodiscard]] const void* make_weights(const void* w, void* to, std::byte* workspace,
                                         int threads) const override;
  [[nodiscard]] bool compute(const RunArguments& arguments) const override;
  [[nodiscard]] Block find(std::int64_t index, std::byte* workspace) const;
  void load(const RunArguments& arguments, const Block& block) const;
  void load_row(const void* image, std::int64_t first, std::int64_t position, const Block& block,
                Acc* to) const;
  void compute_block(const RunArguments& arguments, const Part* filters, const Block& block) const;
  void store(const RunArguments& arguments, std::int64_t k, const Block& block) const;

  Problem p_;
  PolyphasePolicy policy_;
  Axis axis_, elements_;  // elements_: without dilation and frame
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
  Piece<Acc> filter_;
  Piece<Part> window_, sums_, other_sums_;  // within a slot
};

}  // namespace faltung::direct
