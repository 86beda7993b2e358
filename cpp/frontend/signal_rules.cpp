#include <algorithm>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {

Window mode_window(Mode mode, std::int64_t n, std::int64_t m) {
  std::int64_t full = 0;
  if (__builtin_add_overflow(n, m - 1, &full)) {
    throw InvalidProblem(message("extents ", n, " and ", m,
                                 " convolve to more than 2^63 - 1 elements; split the operands"));
  }
  switch (mode) {
    case Mode::full:
      return {0, full};
    case Mode::same:
      return {(m - 1) / 2, n};
    case Mode::valid:
      return {std::min(n, m) - 1, std::max(n, m) - std::min(n, m) + 1};
  }
  throw InvalidProblem(
      message("mode has the value ", static_cast<int>(mode), "; it must be full, same or valid"));
}

void check_output_of(const TensorView& y, std::optional<DType> output) {
  if (!output || *output == y.dtype) return;
  throw InvalidProblem(message("output is ", faltung::name(*output), ", but y has type ",
                               faltung::name(y.dtype),
                               "; leave output out when the result goes into y"));
}

void check_result(const TensorView& y, const Shape& shape) {
  if (y.strides.size() != y.shape.size()) {
    throw InvalidProblem(message("y has ", y.strides.size(), " strides for ", y.shape.size(),
                                 " axes; give one stride per axis"));
  }
  if (y.shape != shape) {
    throw InvalidProblem(
        message("y has shape ", y.shape, ", the result has ", shape, "; give y that shape"));
  }
}

void check_result(const TensorView& y, const Shape& shape, DType dtype) {
  check_result(y, shape);
  if (y.dtype == dtype) return;
  throw InvalidProblem(message("y has type ", faltung::name(y.dtype), ", the result has ",
                               faltung::name(dtype), "; give y that type"));
}

std::int64_t broadcast_extent(std::int64_t a, std::int64_t b, std::size_t axis) {
  if (a != b && a != 1 && b != 1) {
    throw InvalidProblem(message("axis ", axis, " is not convolved and has extents ", a, " and ", b,
                                 "; they must be equal, or one of them 1"));
  }
  return a == 1 ? b : a;
}

void check_operand(const ConstTensorView& view, std::string_view name) {
  if (view.strides.size() != view.shape.size()) {
    throw InvalidProblem(message(name, " has ", view.strides.size(), " strides for ",
                                 view.shape.size(), " axes; give one stride per axis"));
  }
  (void)element_count(view.shape);  // refuses negative extents and overflow
}

void check_on_cpu(const ConstTensorView& taps, std::string_view name) {
  if (taps.device.kind == DeviceKind::cpu) return;
  throw InvalidProblem(
      message(name, " is on ", taps.device, ", a plan keeps a copy of it; pass it on the cpu"));
}

void check_operands(const ConstTensorView& x, const ConstTensorView& k) {
  check_operand(x, "x");
  check_operand(k, "k");
  if (x.shape.size() != k.shape.size()) {
    throw InvalidProblem(message("x has rank ", x.shape.size(), " and k rank ", k.shape.size(),
                                 "; both need the same: insert axes of extent 1"));
  }
}

void check_rank_2(const ConstTensorView& x, const ConstTensorView& k) {
  if (x.shape.size() != 2 || k.shape.size() != 2) {
    throw InvalidProblem(message("x has rank ", x.shape.size(), " and k rank ", k.shape.size(),
                                 "; convolve2d and correlate2d take rank 2, convolve and correlate "
                                 "any"));
  }
}

std::size_t axis_index(std::int64_t axis, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count) {
    throw InvalidProblem(message("axis ", axis, " does not exist: the rank is ", rank,
                                 ", which allows ", -count, " to ", count - 1));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

std::vector<bool> convolved_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
  if (axes.empty()) return {};
  std::vector<bool> convolved(rank, false);
  for (const std::int64_t axis : axes) {
    const std::size_t index = axis_index(axis, rank);
    if (convolved[index]) {
      throw InvalidProblem(message("axes names axis ", axis, " twice; each may come once"));
    }
    convolved[index] = true;
  }
  return convolved;
}

}  // namespace faltung::signal
