#pragma once

#include <cstddef>
#include <cstdint>

#include <faltung/boundary.hpp>

/// Lines of an image side by side, so that what is computed down the rows of a panel knows nothing
/// of strides and boundaries: element j of line l is in row j at lane l.
namespace faltung::mean {

/// Lines in memory.
struct Lines {
  std::int64_t unit = 1;  ///< bytes of an element: 1, 2, 4, 8 or 16
  std::int64_t count = 0;
  std::int64_t step = 0;  ///< bytes between neighbours of a line
  bool adjoin = false;    ///< element j of line l + 1 stands behind that of line l
};

/// How they continue.
struct Extension {
  BoundaryKind kind = BoundaryKind::zero;
  std::int64_t extent = 0;              ///< elements that there are
  const std::byte* constant = nullptr;  ///< what `zero` and `constant` find outside
};

/// Writes elements first to first + rows - 1 of every line, extended, to the rows of a panel.
///
/// @param elements  element 0 of each line
/// @param pitch     bytes between rows; what a row has more than lines becomes 0
void gather(const Lines& lines, const std::byte* const* elements, const Extension& extension,
            std::int64_t first, std::int64_t rows, std::byte* panel, std::int64_t pitch);

/// Writes the rows of a panel to the elements of every line from `elements` on.
void scatter(const std::byte* panel, std::int64_t pitch, std::int64_t rows, const Lines& lines,
             std::byte* const* elements);

}  // namespace faltung::mean
