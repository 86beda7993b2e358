#pragma once

#include <cstdint>

#include <faltung/boundary.hpp>

namespace faltung::mean {

/// A window cut to what its line has to offer: it sums `size` elements of the extended line,
/// `pad_lo` of them before its own, and beside them what every window of the line has in common.
struct Window {
  std::int64_t size = 1;    ///< at most twice the extent
  std::int64_t pad_lo = 0;  ///< may be beyond the extent only where the line is periodic
  std::int64_t repeats = 0;
  std::int64_t repeated = 1;  ///< so many elements of the extended line, from its first on
  std::int64_t below = 0;     ///< times the element before the first
  std::int64_t above = 0;     ///< times the element behind the last
};

/// @param extent  of the line, at least 1
/// @param size    of the window, at least 1
/// @param pad_lo  0 to size - 1
[[nodiscard]] Window cut_window(BoundaryKind boundary, std::int64_t extent, std::int64_t size,
                                std::int64_t pad_lo);

}  // namespace faltung::mean
