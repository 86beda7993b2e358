#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "cpp/core/geometry.hpp"

namespace faltung::direct {

/// A problem seen with three spatial axes, unit axes put before its own.
struct ThreeAxes {
  std::array<Axis, 3> axes;
  std::array<std::int64_t, 3> x, y;  ///< strides of one channel's image

  /// @param p  has at most three axes
  explicit ThreeAxes(const Problem& p);
};

/// Outputs of one channel that are computed from one stretch of input kept in cache: planes, rows
/// and columns. Changes speed, never results.
using Box = std::array<std::int64_t, 3>;

/// "planes x rows x columns", for people.
[[nodiscard]] std::string box_text(const Box& box);

/// Whether what a small box reads fits in a cache: not if taps lie far apart along slow axes.
///
/// @param channels  input channels that a box reads; without it, all of a group
[[nodiscard]] bool fits_in_boxes(const Problem& p, std::int64_t channels);
[[nodiscard]] inline bool fits_in_boxes(const Problem& p) {
  return fits_in_boxes(p, p.in_channels / p.groups);
}

/// Whether the vector kernels take such a forward problem: at most three axes, no input dilation.
[[nodiscard]] bool has_kernel_axes(const Problem& p);

/// @param channels  input channels that a box reads
/// @param bytes     of a value
/// @param products    per output, so that there are boxes for many threads if there is work for
/// them
/// @param min_rows  that make good use of the kernel
[[nodiscard]] Box choose_box(const ThreeAxes& t, std::int64_t images, std::int64_t channels,
                             std::int64_t bytes, double products, std::int64_t min_rows);

/// A box of the outputs of some channels of an image.
struct Block {
  std::int64_t image, group;
  std::int64_t part;  ///< of the group's channels
  Box first, outputs;
};

/// All outputs cut into boxes, the last along each axis smaller.
class Boxes {
 public:
  /// @param parts  in each of `groups`, in each of `images`; parts that share a box are neighbours
  Boxes(const ThreeAxes& t, const Box& box, std::int64_t images, std::int64_t groups,
        std::int64_t parts = 1);
  /// How many blocks they are.
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] Block at(std::int64_t index) const;

 private:
  Box box_, extents_, counts_;
  std::int64_t groups_, parts_, count_;
};

/// Positions of an axis that `outputs` of it read.
constexpr std::int64_t reach(const Axis& axis, std::int64_t outputs) {
  return (outputs - 1) * axis.stride + axis.effective_filter();
}

}  // namespace faltung::direct
