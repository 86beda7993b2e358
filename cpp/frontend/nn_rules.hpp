#pragma once

#include <array>
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

/// The given {before, after} for every axis; zeros if a rule gives them.
std::vector<std::pair<std::int64_t, std::int64_t>> expand(const Padding& padding, std::size_t axes);

/// Type of a result of operands of these types.
///
/// @throws InvalidProblem if they differ and `output` is empty.
DType result_type(DType first, DType second, std::optional<DType> output);

/// Fills in what the options say of sums and stores, and validates. Types of the operands and of
/// the result are set before.
template <typename Options>
void finish(Problem& problem, const Options& options) {
  problem.accumulator = options.accumulator.value_or(
      default_accumulator(problem.input, problem.filter, problem.output));
  problem.math = options.math;
  problem.overflow = options.overflow;
  problem.rounding = options.rounding;
  problem.epilogue.alpha = options.alpha;
  problem.epilogue.beta = options.beta;
  problem.validate();
}

/// @throws InvalidProblem if the options of a gradient have an activation.
void check_no_activation(const Activation& activation);

/// @throws InvalidProblem if dy has not the shape that the forward call makes.
void check_gradient(const ConstTensorView& dy, const Shape& made, const Problem& problem);

/// What the options of one call say about running it.
struct Call {
  Method method = Method::automatic;
  Execution run = {};
};
template <typename Options>
Call call_of(const Options& o) {
  return {o.method, o.run};
}

/// Whether a call has a bias: the one it is given decides.
///
/// @param wanted  what the options say
/// @throws InvalidProblem if they promise one that is not there.
bool has_bias(bool wanted, const ConstTensorView& bias);

/// @throws InvalidProblem if `named` is another type than that of the result.
void check_output(std::optional<DType> named, DType result);

/// Plans and runs: (first, second) in the order of the problem's pass. Fills in the strides of all
/// three.
void run_into(Problem problem, const ConstTensorView& first, const ConstTensorView& second,
              const TensorView& result, const ConstTensorView& bias, const Call& call);

/// The form that plans once: a problem of the views' strides, for a compact result.
///
/// @param first, second  in the order of the caller, which is that of the problem unless `swapped`
[[nodiscard]] Lowering lower(Problem problem, const ConstTensorView& first,
                             const ConstTensorView& second, const Call& call,
                             std::array<std::string_view, 3> names, bool swapped = false);

/// Allocates the result too.
///
/// @throws InvalidProblem if the problem wants to add to what is there before.
Tensor run(const Problem& problem, const ConstTensorView& first, const ConstTensorView& second,
           const ConstTensorView& bias, const Call& call);

/// The options of the form that writes into a result of this type.
///
/// @throws InvalidProblem if they name another one.
template <typename Options>
Options with_output(Options options, DType type) {
  check_output(options.output, type);
  options.output = type;
  return options;
}

}  // namespace faltung::nn
