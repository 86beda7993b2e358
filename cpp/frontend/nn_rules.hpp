#pragma once

#include <string_view>

#include <faltung/nn.hpp>

namespace faltung::nn {

/// A tensor's shape taken apart by its layout: [outer, channels, spatial...].
struct Dimensions {
  std::int64_t outer = 0;
  std::int64_t channels = 0;
  Extents spatial;
};

/// @param name  of the tensor, for messages
/// @throws InvalidProblem unless there are 1 to 6 spatial axes.
Dimensions dimensions(std::string_view name, const Shape& shape, Layout layout);

/// The shape that `dimensions` takes apart.
Shape shape_of(const Dimensions& dimensions, Layout layout);

/// @throws InvalidProblem unless x and w have the same number of axes.
void check_same_rank(const Dimensions& x, const Dimensions& w);

/// The given {before, behind} for every axis; zeros if a rule gives them.
std::vector<std::pair<std::int64_t, std::int64_t>> expand(const Padding& padding, std::size_t axes);

/// Type of a result of operands of these types.
///
/// @throws InvalidProblem if they differ and `output` is empty.
DType result_type(DType first, DType second, std::optional<DType> output);

/// Plans, allocates the result and runs: (first, second) in the order of the problem's pass.
/// Fills in the strides of both operands.
Tensor run(Problem problem, const ConstTensorView& first, const ConstTensorView& second,
           const ConstTensorView& bias, const std::string& engine, const Stream& stream);

/// `conv` for operands of two types.
Problem conv_problem(const Shape& x, const Shape& w, const ConvOptions& options, DType x_type,
                     DType w_type);

/// `conv_transpose` for operands of two types.
Problem transpose_problem(const Shape& x, const Shape& w, const ConvTransposeOptions& options,
                          DType x_type, DType w_type);

}  // namespace faltung::nn
