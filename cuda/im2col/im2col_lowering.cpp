#include "cuda/im2col/im2col_lowering.hpp"

#include <utility>

#include "cpp/core/message.hpp"
#include "cuda/primitives/axis_lowering.hpp"

namespace faltung::cuda::im2col {
namespace {

// Types of the two tensors that are read.
std::pair<DType, DType> operand_types(const Problem& p) {
  switch (p.pass) {
    case Pass::forward:
      return {p.input, p.filter};
    case Pass::backward_data:
      return {p.output, p.filter};
    default:
      return {p.input, p.output};
  }
}

std::string type_refusal(const Problem& p) {
  if (p.accumulator == DType::f32 || p.accumulator == DType::f64) return {};
  const auto [first, second] = operand_types(p);
  const auto is_byte = [](DType type) { return type == DType::i8 || type == DType::u8; };
  if (p.accumulator == DType::i32 && is_byte(first) && is_byte(second)) return {};
  if (is_complex(p.accumulator)) return {};  // products of their parts
  return message("cuBLASLt sums f32, f64, and products of 8-bit integers in i32, not ", name(first),
                 " times ", name(second), " in ", name(p.accumulator));
}

// Whether matrices lie as [m][d] and [m][k].
bool in_rows(const Problem& p) {
  // Matrix instructions of i8 want both factors with what is summed along them.
  if (is_integer(p.accumulator)) return p.pass != Pass::backward_filter;
  // Parts of a complex number are neighbours, as two channels are in rows.
  return is_complex(p.accumulator) || p.layout == Layout::channels_last;
}

}  // namespace

std::string refusal(const Problem& p) {
  if (std::string reason = type_refusal(p); !reason.empty()) return reason;
  const std::size_t rank = fold_axes(p, max_rank).left;
  if (rank > max_rank) {
    return message("has ", rank,
                   " axes that are no batch (a filter extent, stride, input dilation "
                   "or pad of its own), the kernels take ",
                   max_rank);
  }
  for (std::size_t i = 0; p.pass == Pass::backward_data && i < p.rank(); ++i) {
    if (std::string reason = gradient_refusal(p.axes[i], i); !reason.empty()) return reason;
  }
  return {};
}

Geometry lower(const Problem& problem) {
  Problem p = problem;
  if (p.pass == Pass::backward_filter) p.pass = Pass::forward;  // the same matrices
  Geometry g;
  lower_batch(p, fold_axes(p, max_rank), g);
  g.groups = p.groups;
  g.channel_fastest = p.layout == Layout::channels_last;
  g.rows_fastest = in_rows(problem);
  // dx has conj(w); y = conj(w) X is linear in conj(w), and dw the conjugate of what it else is.
  g.conjugates = p.conjugate == (p.pass == Pass::forward);
  g.conjugates_x = problem.pass == Pass::backward_filter && !p.conjugate;
  return g;
}

Geometry gradient_columns(const Geometry& g) {
  Geometry dy = g;
  dy.group_inputs = g.group_outputs;
  dy.x_channel = g.y_channel;
  for (int i = 0; i < max_rank; ++i) {
    AxisGeometry& axis = dy.axis[i] = {};
    axis.input = axis.output = g.axis[i].output;
    axis.x_stride = g.axis[i].y_stride;
  }
  for (int i = 0; i < g.outer_count; ++i) dy.outer[i].x_stride = g.outer[i].y_stride;
  return dy;
}

DType factor_type(const Problem& p) {
  if (is_integer(p.accumulator)) return DType::i8;
  if (p.accumulator == DType::f64 || is_complex(p.accumulator)) return p.accumulator;
  const auto [first, second] = operand_types(p);
  const bool half = first == DType::f16 || first == DType::bf16;
  return half && first == second ? first : DType::f32;
}

Shifts shifts_of(const Problem& p) {
  const auto [first, second] = operand_types(p);
  const auto shift = [&](DType type) {
    return factor_type(p) == DType::i8 && type == DType::u8 ? 128 : 0;
  };
  return {shift(first), shift(second)};
}

Geometry lower_forward(Problem p) {
  p.pass = Pass::forward;
  return lower(p);
}

Geometry scattering(const Geometry& forward) {
  Geometry g = gradient_columns(forward);
  g.group_outputs = forward.depth();
  g.channels = g.groups * g.group_outputs;
  return g;
}

bool has_zeros(const Geometry& g) {
  for (const AxisGeometry& axis : g.axis) {
    const std::int64_t last =
        (axis.output - 1) * axis.stride + (axis.filter - 1) * axis.dilation - axis.pad_lo;
    if (axis.input_dilation > 1 || (axis.pad_lo > 0 && axis.below.kind == BoundaryKind::zero) ||
        (last >= axis.dilated_input() && axis.above.kind == BoundaryKind::zero)) {
      return true;
    }
  }
  return false;
}

}  // namespace faltung::cuda::im2col
