#pragma once

#include <optional>
#include <vector>

#include "cpp/core/rank_window.hpp"
#include "cuda/rank/rank_geometry.hpp"

namespace faltung::cuda::rank {

/// @param reversed  the greatest element has the least key
[[nodiscard]] KeyRule key_rule(DType type, bool reversed);

/// A filter for boxes, or nothing if its windows extend along more than three axes.
///
/// @param order  set to the axes of x that the box's are, or -1 for one that is none
[[nodiscard]] std::optional<BoxGeometry> lower_to_boxes(const ConstTensorView& x,
                                                        const TensorView& y,
                                                        const faltung::rank::Window& window,
                                                        bool reversed, int (&order)[box_axes]);

/// @param inside  set to which places of the box are members, in the geometry's order; empty: all
[[nodiscard]] GatherGeometry lower_to_gather(const ConstTensorView& x, const TensorView& y,
                                             const faltung::rank::Window& window,
                                             std::vector<std::uint8_t>& inside);

/// The members of a window in runs, in the order of a box's axes.
[[nodiscard]] std::vector<Run> runs_of(const faltung::rank::Window& window,
                                       const int (&order)[box_axes]);

}  // namespace faltung::cuda::rank
