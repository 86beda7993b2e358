#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cpp/core/geometry.hpp"
#include "cpp/cpu/axis_cut.hpp"
#include "cpp/cpu/direct/pieces/part_axes.hpp"
#include "cpp/cpu/direct/pieces/piece_policy.hpp"
#include "cpp/cpu/direct/pieces/piece_sizes.hpp"
#include "cpp/cpu/element_rows.hpp"

namespace faltung::direct {

/// Any problem without a workspace: cut into pieces of the result, and these into problems so small
/// that another way of cpu.direct does them with memory on the stack.
template <typename Acc>
class PieceTask final : public Task {
 public:
  /// @param most  elements of a piece; fewer only make it slower
  explicit PieceTask(const Problem& problem, std::size_t most = sums_bytes / sizeof(Acc));
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override;
  void run(const RunArguments& arguments) const override;

 private:
  /// One problem: its part of each axis, and the place of that in PartAxes::axes.
  struct Parts {
    std::array<AxisPart, max_spatial_rank> at;
    std::array<std::uint32_t, max_spatial_rank> axis;
  };
  struct Piece;

  [[nodiscard]] Range range(std::size_t dimension, std::int64_t index) const;
  template <typename F>
  void for_each(bool results, Ranges& ranges, F&& f) const;

  bool make_tasks(std::size_t room);
  [[nodiscard]] std::vector<Range> all_ranges(std::size_t dimension) const;
  [[nodiscard]] std::uint32_t which_axis(std::size_t axis, const Ranges& ranges,
                                         std::size_t position) const;
  [[nodiscard]] std::size_t task_index(const Ranges& ranges, const Parts& parts) const;

  void compute(const RunArguments& arguments, std::int64_t index) const;
  void add_windows(const Piece& piece) const;
  void add_spread(const Piece& piece) const;
  void add(const Piece& piece, const Parts& parts, std::span<const Positions> folded) const;
  void fold(const Piece& piece, std::span<const Positions> folded) const;
  void store(const Piece& piece) const;

  Problem p_;
  std::size_t rank_, dimensions_;
  Counts all_, counts_, steps_;
  std::vector<AxisCut> cuts_;
  std::vector<PartAxes> parts_;  ///< of each axis
  std::vector<std::unique_ptr<Task>> tasks_;
  TensorStrides x_, w_, y_;
  ResultRows<Acc> result_;
  std::int64_t piece_count_ = 1, piece_values_ = 1;
  int threads_ = 1;
};

}  // namespace faltung::direct
