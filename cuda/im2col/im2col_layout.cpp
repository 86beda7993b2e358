#include "cuda/im2col/im2col_layout.hpp"

#include "cuda/im2col/im2col_lowering.hpp"

namespace faltung::cuda::im2col {
namespace {

constexpr std::int64_t whole(std::int64_t count, std::int64_t step) {
  return (count + step - 1) / step * step;
}

// Of a real number, of which a complex one has two.
std::int64_t real_bytes(DType type) {
  return static_cast<std::int64_t>(size_of(type)) / parts_of(type);
}

// A copy of the columns of a chunk, or of its outputs: rows of whole vectors.
Operand copied(const Call& call, std::int64_t channels, DType type) {
  const std::int64_t columns = call.cut.images * call.cut.outputs + columns_of_ones(call.problem);
  const std::int64_t vector = 16 / real_bytes(type);
  Side side;
  if (call.geometry.rows_fastest) {
    side.leading = side.position = whole(channels, vector);
    side.group = side.leading * columns;
  } else {
    side.position = 1;
    side.leading = whole(columns, vector);
    side.group = side.leading * channels;
  }
  side.image = call.cut.outputs * side.position;
  return {side, library_type(type), false};
}

Operand filter(const Call& call, std::int64_t depth, std::int64_t outputs, DType type) {
  const Geometry& g = call.gathers ? call.forward : call.geometry;
  Side side;
  side.leading = depth;
  side.group = depth * outputs;
  if (call.cut.w_in_place) {
    side.leading = g.group_outputs == 1 ? g.depth() : g.w_output;
    side.group = g.w_group;
  }
  return {side, library_type(type), call.cut.w_in_place};
}

}  // namespace

Layout lay_out(const Call& call) {
  const Geometry& g = call.geometry;
  const Problem& p = call.problem;
  const Cut& cut = call.cut;
  const bool gradient = p.pass == Pass::backward_filter;
  const bool integers = call.factors == DType::i8;  // of which words are multiplied
  const DType sums = p.accumulator;
  Layout layout;
  Operands& o = layout.operands;
  const std::int64_t parts = parts_of(call.factors);
  const Shifts shifts = shifts_of(p);  // rows of ones, see Geometry
  const std::int64_t ones_x = gradient && shifts.x != 0 ? 1 : 0;
  const std::int64_t ones_other = shifts.other != 0 ? 1 : 0;
  o.depth = integers ? whole(g.depth() + ones_x, 4) : parts * g.depth();
  o.outputs = integers ? whole(g.group_outputs + ones_other, 4) : parts * g.group_outputs;
  const DType y = gradient ? call.factors : sums, w = gradient ? sums : call.factors;
  o.x = cut.x_in_place ? Operand{side_of_x(g), library_type(call.factors), true}
                       : copied(call, o.depth, call.factors);
  o.y = cut.y_in_place
            ? Operand{side_of_y(g), library_type(gradient ? call.factors : p.result_dtype()), true}
            : copied(call, o.outputs, y);
  // Rows of w are those of the forward problem.
  o.w = call.gathers ? filter(call, o.outputs, o.depth, w) : filter(call, o.depth, o.outputs, w);
  const auto take = [&](const Operand& operand, DType type) {
    const std::size_t at = layout.bytes;
    if (operand.in_place) return at;
    const auto size = static_cast<std::size_t>(g.groups * operand.side.group * real_bytes(type));
    layout.bytes += (size + 255) / 256 * 256;
    return at;
  };
  layout.x = take(o.x, call.factors);
  layout.y = take(o.y, y);
  layout.w = take(o.w, w);
  return layout;
}

}  // namespace faltung::cuda::im2col
