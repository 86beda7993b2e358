#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/box_loader.hpp"
#include "cpp/cpu/direct/separable_factors.hpp"
#include "cpp/cpu/direct/separable_policy.hpp"
#include "cpp/cpu/direct/stencil_task.hpp"

namespace faltung::direct {

/// The types of sums that SeparableTask serves.
template <typename Acc>
inline constexpr bool has_separable_sums =
    std::is_floating_point_v<Acc> || std::is_same_v<Acc, std::uint32_t>;

/// A forward problem of two or three axes whose filters are outer products: summed along one axis
/// after the other, box by box, without an image in between. Rows are read once, boundaries
/// resolved, and summed along x into slices that stay in cache; those are summed along the slower
/// axes and stored once.
///
/// A filter that is no outer product after all, or not finite, goes to the task for any filter.
template <typename Acc>
class SeparableTask final : public Task {
 public:
  /// Whether this task can serve the problem.
  [[nodiscard]] static bool serves(const Problem& p);

  explicit SeparableTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return bytes_; }
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override { return cpu_facts(slots_); }
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                               const void* w) const override;
  void run(const RunArguments& arguments) const override;

 private:
  using Part = typename VectorPart<Acc>::type;
  using Segment = typename BoxLoader<Acc>::Segment;
  struct Prepared;

  /// One block of one channel of one image, and the workspace of the thread that computes it.
  struct Work {
    std::int64_t image, channel;
    Box first, outputs;
    const Acc* lines;  ///< factors of the channel
    std::byte* workspace;
    std::int64_t segments;  ///< of a row
  };

  /// Rows of sums along a slower axis, whose values lie `step` apart.
  struct Across {
    const Acc* x;
    std::int64_t step;
    const Acc* line;
    std::int64_t taps;
    Acc* y = nullptr;
    std::int64_t y_step, rows, columns;
    bool streams = false;
  };

  [[nodiscard]] bool find_lines(const RunArguments& arguments, int slots, Acc* packed,
                                FactorNumber<Acc>* scratch, Acc* lines) const;
  [[nodiscard]] Work work(std::int64_t block, const Acc* lines, std::byte* workspace) const;
  void compute(const RunArguments& arguments, const Work& work) const;
  void sum_slice(const RunArguments& arguments, const Work& work, std::int64_t place,
                 Acc* slice) const;
  void load_and_sum(const RunArguments& arguments, const Work& work,
                    std::array<std::int64_t, 2> position, Acc* to) const;
  void store_outputs(const RunArguments& arguments, const Work& work, std::int64_t place,
                     std::int64_t count) const;
  void sum_across(const Across& across) const;

  Problem p_;
  ThreeAxes t_;
  SeparablePolicy policy_;
  std::unique_ptr<Task> general_;
  FilterPacker<Acc> packer_;
  BoxLoader<Acc> loader_;
  ResultRows<Acc> result_;
  StencilKernel<Part> kernel_;
  TensorStrides x_, y_;
  std::array<std::int64_t, 3> taps_;        // of each axis
  std::int64_t line_size_, pitch_, slice_;  // taps of all lines; values of a row, of a slice
  Boxes boxes_;
  bool stores_in_place_, streams_;
  int slots_;
  std::size_t filter_at_, lines_at_, scratch_at_, slots_at_, slot_bytes_, bytes_;
  std::size_t segments_at_, stage_at_, rows_at_, slices_at_, sums_at_;  // within a slot
};

}  // namespace faltung::direct
