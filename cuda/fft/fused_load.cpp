#include "cuda/fft/fused_load.hpp"

#include <algorithm>
#include <limits>

#include "cpp/core/message.hpp"

namespace faltung::cuda::fft {
namespace {

constexpr std::int64_t max32 = std::numeric_limits<std::int32_t>::max();

std::int64_t stride_of(const AxisGeometry& axis, Operand operand) {
  return operand == Operand::x   ? axis.x_stride
         : operand == Operand::y ? axis.y_stride
                                 : axis.w_stride;
}

/// Positions beyond the two ends that blocks look at.
struct Overhang {
  std::int64_t below, above;
};
Overhang overhang(const AxisGeometry& axis) {
  const std::int64_t extended = (axis.output - 1) * axis.stride + reach(axis);
  return {std::max<std::int64_t>(0, axis.pad_lo),
          std::max<std::int64_t>(0, extended - axis.pad_lo - axis.input)};
}

/// Whether one step leads from all of `count` positions beyond an end to what they show.
bool is_one_step(BoundaryKind kind, std::int64_t count, std::int64_t extent) {
  switch (kind) {
    case BoundaryKind::zero:
    case BoundaryKind::nearest:
      return true;
    case BoundaryKind::reflect:
    case BoundaryKind::wrap:
      return count <= extent;
    case BoundaryKind::mirror:
      return count < extent;
    case BoundaryKind::constant:
      break;
  }
  return count == 0;
}

// The step from the map itself: where the first position beyond the end leads, and the next one.
void set_step(BoundaryKind kind, std::int64_t count, std::int64_t extent, bool below,
              std::int32_t& shift, std::int32_t& factor) {
  if (count == 0 || extend_index(kind, below ? -1 : extent, extent) == outside) return;
  const std::int64_t position = below ? -1 : extent, away = below ? -1 : 1;
  const std::int64_t first = extend_index(kind, position, extent);
  const std::int64_t next = count == 1 ? first : extend_index(kind, position + away, extent);
  factor = static_cast<std::int32_t>((next - first) * away);
  shift = static_cast<std::int32_t>(first - factor * position);
}

std::string axis_refusal(const AxisGeometry& axis, Operand operand) {
  const Overhang over = overhang(axis);
  if (std::abs(stride_of(axis, operand)) > max32 ||
      std::max({axis.input, axis.output, axis.filter}) > max32 / 4 ||
      std::max(over.below, over.above) > max32 / 4 || std::abs(axis.pad_lo) > max32 / 4) {
    return "an axis is too long for indices of 32 bits";
  }
  if (operand == Operand::w) return axis.dilation == 1 ? "" : "taps are dilated";
  if (operand == Operand::y) return axis.stride == 1 ? "" : "outputs have a stride";
  if (axis.input_dilation != 1) return "the input is dilated";
  if (!is_one_step(axis.below.kind, over.below, axis.input) ||
      !is_one_step(axis.above.kind, over.above, axis.input)) {
    return "the boundary is a constant, or shows elements again and again";
  }
  return {};
}

}  // namespace

std::string fused_refusal(const Geometry& g, Operand operand) {
  for (const AxisGeometry& axis : g.axis) {
    std::string refusal = axis_refusal(axis, operand);
    if (!refusal.empty()) return refusal;
  }
  return {};
}

void set_fused_axes(const Geometry& g, Operand operand, FusedLoad& load) {
  for (int a = 0; a < max_rank; ++a) {
    const AxisGeometry& axis = g.axis[a];
    FusedAxis& fused = load.axis[a];
    fused.stride = static_cast<std::int32_t>(stride_of(axis, operand));
    if (operand == Operand::w) {
      fused.sign = -1;
      fused.extent = static_cast<std::int32_t>(axis.filter);
    } else if (operand == Operand::y) {
      fused.extent = static_cast<std::int32_t>(axis.output);
    } else {
      fused.extent = static_cast<std::int32_t>(axis.input);
      const Overhang over = overhang(axis);
      set_step(axis.below.kind, over.below, axis.input, true, fused.below_shift,
               fused.below_factor);
      set_step(axis.above.kind, over.above, axis.input, false, fused.above_shift,
               fused.above_factor);
    }
  }
}

}  // namespace faltung::cuda::fft
