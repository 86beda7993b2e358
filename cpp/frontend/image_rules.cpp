#include <algorithm>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

void check_shapes(const ConstTensorView& x, const TensorView& y) {
  for (const ConstTensorView& view : {x, ConstTensorView(y)}) {
    if (view.strides.size() != view.shape.size()) {
      throw InvalidProblem(message("a view of shape ", view.shape, " has ", view.strides.size(),
                                   " strides; give one stride per axis"));
    }
  }
  if (y.shape != x.shape) {
    throw InvalidProblem(message("y has shape ", y.shape, ", x has ", x.shape,
                                 "; a filtered image keeps its shape, so give y that of x"));
  }
  if (y.device != x.device) {
    throw InvalidProblem(
        message("y is on ", y.device, ", x on ", x.device, "; copy one of them with Tensor::to"));
  }
}

void check_types(DType x, DType y, std::optional<DType> output) {
  if (output && *output != y) {
    throw InvalidProblem(message("output is ", name(*output), ", but y has type ", name(y),
                                 "; leave output out when the result goes into y"));
  }
  if (is_complex(x) && !is_complex(y)) {
    throw InvalidProblem(message("x has complex type ", name(x), ", the result real type ", name(y),
                                 ", which would lose the imaginary part; use c64 or c128"));
  }
}

}  // namespace

void check_call(const ConstTensorView& x, const TensorView& y, std::optional<DType> output,
                const Call& call) {
  check_shapes(x, y);
  check_types(x.dtype, y.dtype, output);
  if (call.accumulator && call.accumulator != f32 && call.accumulator != f64) {
    throw InvalidProblem(message("accumulator is ", name(*call.accumulator),
                                 "; images are summed in f32 or f64 (complex ones in the complex "
                                 "type of that width), or leave it out"));
  }
  const Shape& shape = call.chosen_for;
  if (!shape.empty() && (shape.size() != x.shape.size() || element_count(shape) == 0)) {
    throw InvalidProblem(
        message("chosen_for has shape ", shape, ", x has ", x.shape,
                "; name the shape of an image of that rank with elements, or leave "
                "it out"));
  }
}

std::size_t checked_axis(std::int64_t axis, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count) {
    throw InvalidProblem(message("axis ", axis, " is not one of x, which has ", rank, " axes; use ",
                                 -count, " to ", count - 1));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

std::vector<std::size_t> checked_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<std::size_t> result;
  for (const std::int64_t axis : axes) {
    const std::size_t index = checked_axis(axis, rank);
    if (std::ranges::find(result, index) != result.end()) {
      throw InvalidProblem(message("axes names axis ", index, " twice; name each axis once"));
    }
    result.push_back(index);
  }
  for (std::size_t i = 0; axes.empty() && i < rank; ++i) result.push_back(i);
  return result;
}

void check_origin(std::int64_t origin, std::int64_t taps) {
  if (origin < -(taps / 2) || origin > (taps - 1) / 2) {
    throw InvalidProblem(message("origin ", origin, " leaves a filter of ", taps,
                                 " taps beside the element it filters; use ", -(taps / 2), " to ",
                                 (taps - 1) / 2));
  }
}

DType result_type(DType x, std::optional<DType> output, bool complex_weights) {
  if (output) return *output;
  if (!complex_weights || is_complex(x)) return x;
  return x == f64 || is_integer(x) ? c128 : c64;
}

}  // namespace faltung::image
