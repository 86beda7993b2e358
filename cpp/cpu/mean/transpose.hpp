#pragma once

#include <cstdint>

namespace faltung::mean {

/// Sixteen bytes moved as one: complex f64.
struct alignas(8) Wide {
  std::uint64_t parts[2];
};

/// Lines of `length` neighbouring elements to rows: element j of line l goes to rows[j pitch + l].
///
/// @tparam Unit  an unsigned integer of the element's size, or Wide
template <typename Unit>
using LinesToRows = void (*)(const Unit* const* lines, std::int64_t count, std::int64_t length,
                             Unit* rows, std::int64_t pitch);
template <typename Unit>
[[nodiscard]] LinesToRows<Unit> lines_to_rows();

/// And back.
template <typename Unit>
using RowsToLines = void (*)(const Unit* rows, std::int64_t pitch, std::int64_t count,
                             std::int64_t length, Unit* const* lines);
template <typename Unit>
[[nodiscard]] RowsToLines<Unit> rows_to_lines();

}  // namespace faltung::mean
