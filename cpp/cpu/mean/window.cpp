#include "cpp/cpu/mean/window.hpp"

#include <algorithm>

namespace faltung::mean {
namespace {

// Elements after which the extended line repeats itself; 0 if it does not.
std::int64_t period_of(BoundaryKind boundary, std::int64_t extent) {
  switch (boundary) {
    case BoundaryKind::reflect:
      return 2 * extent;
    case BoundaryKind::mirror:
      return std::max<std::int64_t>(2 * extent - 2, 1);
    case BoundaryKind::wrap:
      return extent;
    default:
      return 0;
  }
}

}  // namespace

Window cut_window(BoundaryKind boundary, std::int64_t extent, std::int64_t size,
                  std::int64_t pad_lo) {
  Window window{size, pad_lo};
  if (const std::int64_t period = period_of(boundary, extent); period > 0) {
    const std::int64_t periods = (size - 1) / period;
    window.size = size - periods * period;
    window.pad_lo = pad_lo % period;
    // A reflected line has every element twice.
    const bool twice = boundary == BoundaryKind::reflect;
    window.repeated = twice ? extent : period;
    window.repeats = twice ? 2 * periods : periods;
    return window;
  }
  // Farther from its own element than the line is long, an element lies outside for every window.
  const std::int64_t pad_hi = size - 1 - pad_lo;
  window.below = std::max<std::int64_t>(pad_lo - (extent - 1), 0);
  window.above = std::max<std::int64_t>(pad_hi - (extent - 1), 0);
  window.pad_lo -= window.below;
  window.size -= window.below + window.above;
  return window;
}

}  // namespace faltung::mean
