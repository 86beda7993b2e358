#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <faltung/problem.hpp>
#include "cpp/core/streamed/box.hpp"

namespace faltung::streamed {

/// A part of one spatial axis, as an axis of its own with the same results.
struct AxisPart {
  Axis axis;                    ///< of the piece
  std::vector<Stretch> input;   ///< rows of x (dx) that it has
  std::vector<Stretch> output;  ///< rows of y (dy)
};

/// Why an axis cannot be cut in this pass; empty if it can.
[[nodiscard]] std::string rows_refusal(Pass pass, const Axis& axis);

/// The whole axis.
[[nodiscard]] AxisPart whole_axis(const Axis& axis);

/// Rows [first, first + count) of y, for passes that read x: with the rows of x under them. The
/// axis' rules hold at its true ends alone, and only those that need no elements (zero, constant);
/// what other rules repeat is among the rows.
[[nodiscard]] AxisPart output_part(const Axis& axis, std::int64_t first, std::int64_t count);

/// Rows [first, first + count) of dx, with all rows of dy that reach them.
[[nodiscard]] AxisPart input_part(const Axis& axis, std::int64_t first, std::int64_t count);

}  // namespace faltung::streamed
