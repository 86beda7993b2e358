#pragma once

#include <cstdint>

#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/fft/fft_policy.hpp"

namespace faltung::fft {

/// Where a tap stands along its axis.
inline std::int64_t tap_place(const Axis& axis, std::int64_t tap) {
  return axis.effective_filter() - 1 - tap * axis.dilation;
}

/// Where the elements of single channels of x, w and y stand in blocks, and where in the tensors.
///
/// Along each axis, with R' the reach of the filter, a block holds
///
///     x       from the plan's origin on, at 0, 1, ...
///     tap r   at R'-1 - r dilation
///     y       output o of the tile at R'-1 + o stride - origin
///
/// so that in every pass what a cyclic product wraps around meets nothing that is kept. x and y
/// have BlockPlan::block_count() blocks, w has one.
class BlockPlaces {
 public:
  BlockPlaces(const Problem& problem, const BlockPlan& plan);

  [[nodiscard]] std::int64_t points() const { return points_; }
  [[nodiscard]] std::int64_t image_values() const { return element_count(input_extents(p_)); }
  /// What of a block's places holds something.
  [[nodiscard]] Box x_box(std::int64_t block) const;
  [[nodiscard]] Box y_box(std::int64_t block) const;
  [[nodiscard]] Box w_box() const;

 protected:
  /// Where a block stands.
  struct Place {
    Extents skipped;  ///< outputs along the skipped axes
    Extents first;    ///< of the tile's outputs along the others
    Extents outputs;  ///< how many
  };
  [[nodiscard]] Place place(std::int64_t block) const;
  [[nodiscard]] const Axis& axis(std::size_t t) const { return p_.axes[plan_.skipped + t]; }
  [[nodiscard]] std::size_t slow_axes() const { return plan_.lengths.size() - 1; }

  /// What the outputs of a tile look at along an axis, from its origin on.
  [[nodiscard]] std::int64_t window(const Place& at, std::size_t t) const;
  /// extent(t) of all axes but the last
  template <typename Extent>
  Shape slow_shape(Extent&& extent) const {
    Shape shape;
    for (std::size_t t = 0; t < slow_axes(); ++t) shape.push_back(extent(t));
    return shape;
  }
  [[nodiscard]] std::int64_t row_start(const Extents& places) const;
  [[nodiscard]] std::int64_t output_place(std::size_t t, std::int64_t output) const;
  [[nodiscard]] Extents output_places(const Extents& slow) const;
  [[nodiscard]] Extents tap_places(const Extents& slow) const;
  [[nodiscard]] RowPlace input_row(const Strides& strides, const Place& at,
                                   const Extents& positions) const;
  [[nodiscard]] Extents original_output(const Place& at, const Extents& slow) const;

  [[nodiscard]] Strides reordered(const Strides& strides) const;
  [[nodiscard]] std::int64_t output_offset(std::int64_t b, std::int64_t k, const Place& at,
                                           const Extents& slow) const;
  [[nodiscard]] std::int64_t tap_offset(std::int64_t k, std::int64_t c, const Extents& slow) const;
  [[nodiscard]] std::int64_t tap_step() const;

  BlockPlan plan_;
  Problem p_;  // with its axes in the order of plan_
  Axis last_;
  std::int64_t points_;
  TensorStrides x_, w_, y_;
};

}  // namespace faltung::fft
