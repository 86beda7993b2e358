#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/box.hpp"
#include "cpp/cpu/direct/box_loader.hpp"
#include "cpp/cpu/direct/direct_task.hpp"
#include "cpp/cpu/direct/stencil_kernel.hpp"

namespace faltung::direct {

/// The real type whose vectors hold sums in Acc.
template <typename Acc>
struct VectorPart {
  using type = Acc;
};
template <typename Real>
struct VectorPart<std::complex<Real>> {
  using type = Real;
};
template <>
struct VectorPart<std::uint32_t> {
  using type = std::int32_t;
};

/// A forward problem of at most three axes whose sums the vector kernel forms: box by box, each in
/// one thread. A complex sum is two real ones over the interleaved parts, one with the real and one
/// with the imaginary parts of the filter.
///
/// The kernel multiplies the zeros beyond a boundary, which a filter with NaN or infinity would
/// make NaN; such a filter goes to DirectTask, which leaves them out.
template <typename Acc>
class StencilTask final : public Task {
 public:
  /// Whether this task can serve the problem.
  [[nodiscard]] static bool serves(const Problem& p);

  explicit StencilTask(const Problem& problem);
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
  using Part = typename VectorPart<Acc>::type;
  using Segment = typename BoxLoader<Acc>::Segment;
  static constexpr bool complex = is_complex_value<Acc>;

  /// One box of one group of one image, and the workspace of the thread that computes it.
  struct Work {
    std::int64_t image, group;
    Box first, outputs;
    std::byte* workspace;
  };

  [[nodiscard]] Work work(std::int64_t block, std::byte* workspace) const;
  void compute(const RunArguments& arguments, const Acc* filter, const Work& work) const;
  void sum_rows(const RunArguments& arguments, const Acc* filter, const Work& work, std::int64_t k,
                std::int64_t z, std::int64_t y, std::int64_t rows) const;
  void sum_complex_row(StencilRows<Part> rows, const Work& work, const Acc* filter,
                       Acc* sums) const;

  Problem p_;
  ThreeAxes t_;
  Box box_;
  Boxes boxes_;
  DirectTask<Acc> general_;
  FilterPacker<Acc> packer_;
  BoxLoader<Acc> loader_;
  ResultRows<Acc> result_;
  StencilKernel<Part> kernel_;
  TensorStrides x_, y_;
  std::int64_t group_inputs_, group_outputs_, taps_;  // taps of one filter, all its channels
  std::int64_t shared_rows_;                          // output rows of one call of the kernel
  std::vector<std::int64_t> planes_, offsets_;        // see StencilRows; no offsets if tap_step_ is
  std::int64_t tap_step_;
  bool stores_in_place_, streams_, pads_zeros_;
  int slots_;
  std::size_t filter_at_, slots_at_, slot_bytes_, bytes_;
  std::size_t buffer_at_, segments_at_, sums_at_, parts_at_;  // within a slot
};

}  // namespace faltung::direct
