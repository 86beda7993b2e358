#include "cpp/core/streamed/rows.hpp"

#include <algorithm>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/extended_axis.hpp"
#include "cpp/core/message.hpp"

namespace faltung::streamed {
namespace {

/// Whether a rule puts a number outside that is no element.
bool is_constant(const Boundary& boundary) {
  return boundary.kind == BoundaryKind::zero || boundary.kind == BoundaryKind::constant;
}

/// Appends one row to the last stretch, or begins another.
void append(std::vector<Stretch>& rows, std::int64_t row) {
  if (!rows.empty()) {
    Stretch& last = rows.back();
    const std::int64_t step = row - (last.first + (last.count - 1) * last.step);
    if (last.count == 1 && step >= -1 && step <= 1) last.step = step;
    if (step == last.step) {
      ++last.count;
      return;
    }
  }
  rows.push_back({row, 1, 1});
}

/// The rows at positions from `begin` to `end`, both included, of an axis without input dilation.
std::vector<Stretch> rows_at(const Axis& axis, std::int64_t begin, std::int64_t end) {
  std::vector<Stretch> rows;
  for (std::int64_t p = begin; p <= end; ++p) {
    if (p >= 0 && p < axis.input) {  // all at once: there may be billions
      const std::int64_t count = std::min(end + 1, axis.input) - p;
      rows.push_back({p, count, 1});
      p += count - 1;
      continue;
    }
    const Boundary& rule = p < 0 ? axis.below : axis.above;
    append(rows, extend_index(rule.kind, p, axis.input));
  }
  return rows;
}

}  // namespace

std::string rows_refusal(Pass pass, const Axis& axis) {
  if (is_constant(axis.below) && is_constant(axis.above)) return {};
  const Boundary& rule = is_constant(axis.below) ? axis.above : axis.below;
  if (pass == Pass::backward_data) {
    return message("the gradient at one end depends on other rows by boundary=", rule);
  }
  if (axis.input_dilation > 1) {
    return message("boundary=", rule, " repeats an input with idil=", axis.input_dilation);
  }
  return {};
}

AxisPart whole_axis(const Axis& axis) {
  return {axis, {{0, axis.input, 1}}, {{0, axis.output(), 1}}};
}

AxisPart output_part(const Axis& axis, std::int64_t first, std::int64_t count) {
  const std::int64_t p0 = first * axis.stride - axis.pad_lo;
  const std::int64_t p1 = p0 + (count - 1) * axis.stride + axis.effective_filter() - 1;
  AxisPart part{axis, {}, {{first, count, 1}}};
  // Positions outside stay outside where a rule needs no elements.
  const std::int64_t last = axis.dilated_input() - 1;
  const auto within = [&](std::int64_t p) {
    if (p < 0 && is_constant(axis.below)) return std::int64_t{0};
    if (p > last && is_constant(axis.above)) return last;
    return p;
  };
  const std::int64_t u = axis.input_dilation;
  const std::int64_t begin = floor_divide(within(p0), u);
  const std::int64_t end = ceil_divide(within(p1), u);
  part.input = rows_at(axis, begin, end);
  part.axis.input = end - begin + 1;
  part.axis.pad_lo = begin * u - p0;
  part.axis.pad_hi = p1 - end * u;
  if (!is_constant(axis.below) || part.axis.pad_lo <= 0) part.axis.below = {};
  if (!is_constant(axis.above) || part.axis.pad_hi <= 0) part.axis.above = {};
  return part;
}

AxisPart input_part(const Axis& axis, std::int64_t first, std::int64_t count) {
  const std::int64_t s = axis.stride;
  const std::int64_t r = axis.effective_filter();
  const std::int64_t p0 = first * axis.input_dilation;
  const std::int64_t p1 = (first + count - 1) * axis.input_dilation;
  const std::int64_t outputs = axis.output();
  std::int64_t o0 = std::max<std::int64_t>(ceil_divide(p0 + axis.pad_lo - r + 1, s), 0);
  std::int64_t o1 = std::min(floor_divide(p1 + axis.pad_lo, s), outputs - 1);
  // Rows that no output reaches get one that does not, so that there is something to sum.
  o0 = std::min(o0, outputs - 1);
  o1 = std::max(o1, o0);
  AxisPart part{axis, {{first, count, 1}}, {{o0, o1 - o0 + 1, 1}}};
  part.axis.input = count;
  part.axis.pad_lo = p0 - (o0 * s - axis.pad_lo);
  part.axis.pad_hi = (o1 - o0) * s + r - part.axis.dilated_input() - part.axis.pad_lo;
  return part;
}

}  // namespace faltung::streamed
