#pragma once

#include <optional>

#include <faltung/nn_quantised.hpp>

namespace faltung::nn {

/// The second pass of QLinearConv: i32 sums to bytes.
struct Requantisation {
  std::vector<double> factor;  ///< x_scale w_scale / y_scale, one per output channel
  std::int64_t zero = 0;
  DType result = DType::u8;
  std::int64_t inner = 1;  ///< elements between two channels: those of space, or 1 channels last
};

/// @param sums  as many as y has elements, compact
/// @param y     of any strides
void requantise(const std::int32_t* sums, const TensorView& y, const Requantisation& how);

/// The problem of the sums, with what was made of the filter and the zero points.
struct IntegerSums {
  Problem problem;  ///< with a bias, unless that is all 0
  Tensor w;         ///< less its zero points, if they are not all 0
  Tensor bias;      ///< i32: the caller's, less what the zero point of x adds

  /// What a run of the problem takes.
  [[nodiscard]] ConstTensorView bias_view() const {
    return problem.epilogue.bias ? ConstTensorView(bias) : ConstTensorView{};
  }
};

/// @throws InvalidProblem for operands, zero points or options that break a rule.
IntegerSums integer_sums(const Shape& x, DType x_type, const ConstTensorView& w,
                         const ZeroPoints& zero, const ConvOptions& options,
                         const ConstTensorView& bias);

struct QuantisedPlan::State {
  Plan sums;
  std::shared_ptr<const IntegerSums> parts;
  Allocator allocator;
  std::optional<Requantisation> second_pass;  ///< none: y is the sums
};

}  // namespace faltung::nn
