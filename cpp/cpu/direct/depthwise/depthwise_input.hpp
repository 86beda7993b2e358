#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "cpp/cpu/direct/boxes/window.hpp"
#include "cpp/cpu/direct/depthwise/depthwise_kernel.hpp"
#include "cpp/cpu/direct/depthwise/depthwise_policy.hpp"
#include "cpp/cpu/element_rows.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::direct {

/// The type of the vectors that hold sums in Acc.
template <typename Acc>
using LaneType = std::conditional_t<std::is_same_v<Acc, std::uint32_t>, std::int32_t, Acc>;

/// What the outputs of a box read, boundaries resolved, as depthwise_kernel.hpp takes it: a table
/// [plane, row, place of the row] of pointers into x where its elements are the kernel's, or else a
/// compact copy of the box. Constants beyond a boundary have values of their own to point to.
template <typename Acc>
class DepthwiseInput {
 public:
  using Part = LaneType<Acc>;

  /// @param p       with `t` its three axes
  /// @param layout  of a slot, to which the pieces are added
  DepthwiseInput(const Problem& p, const ThreeAxes& t, const DepthwisePolicy& policy,
                 WorkspaceLayout& layout);

  /// Taps t and t + hop read places one column of the kernel apart; 0 if none do.
  [[nodiscard]] std::int64_t hop() const { return hop_; }
  /// Points `to` to what the outputs read whose first tap meets this plane and row of the box.
  void aim(std::byte* workspace, std::int64_t plane, std::int64_t row,
           DepthwiseRow<Part>& to) const;

  /// Prepares a workspace, once a run.
  void start(std::byte* workspace) const;
  /// @param image     offset of the first channel in x
  /// @param channels  output channels of the part
  void load(std::byte* workspace, const void* x, std::int64_t image, std::int64_t channels,
            const Box& first, const Box& outputs) const;

 private:
  /// Where a row lies in an image, if `constant` is not the number of one.
  struct Row {
    std::int64_t offset = 0;
    int constant = -1;
  };

  [[nodiscard]] std::size_t places() const { return static_cast<std::size_t>(window_.size()); }
  [[nodiscard]] int constant_of(const Boundary* boundary) const;
  void find_columns(std::byte* workspace, std::int64_t first, std::int64_t outputs) const;
  template <typename F>
  void for_each_phase(std::int64_t outputs, F&& f) const;
  void point(std::byte* workspace, const Part* x, Row row, std::int64_t outputs,
             const Part** to) const;
  void copy(std::byte* workspace, const void* x, Row row, std::int64_t channels,
            std::int64_t outputs, Acc* to) const;

  ThreeAxes t_;
  DType input_;
  Window window_;
  LoadRow<Acc> load_;
  std::int64_t multiplier_;  ///< output channels of a group
  std::int64_t width_;       ///< values of one place
  bool in_place_, interleaved_;
  bool dense_;  ///< places side by side are one stretch of x
  std::int64_t rows_, planes_;
  std::int64_t row_size_;     ///< of the table or of the copy
  std::int64_t column_step_;  ///< of the copy
  std::int64_t hop_;
  std::vector<std::int64_t> offsets_;
  Piece<const Part*> table_;
  Piece<std::int64_t> columns_;
  Piece<Acc> constants_, copy_;
};

}  // namespace faltung::direct
