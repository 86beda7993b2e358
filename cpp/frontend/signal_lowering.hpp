#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <faltung/signal.hpp>
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/method.hpp"

namespace faltung::signal {

/// The part of the full result, N + M - 1 elements, that a mode keeps along one axis.
struct Window {
  std::int64_t start = 0;
  std::int64_t count = 0;
};

/// Which elements mode `same` keeps of the full result.
enum class Same : std::uint8_t {
  first,            ///< N from index (M-1)/2
  first_from_half,  ///< N from index M/2: correlate2d
  longest           ///< max(N,M), centred on the longer operand: NumPy
};

/// @throws InvalidProblem if `output` is another type than that of y.
void check_output_of(const TensorView& y, std::optional<DType> output);

/// @throws InvalidProblem unless y has this shape and one stride per axis.
void check_result(const TensorView& y, const Shape& shape);

/// The same, and this type, where no option names another.
void check_result(const TensorView& y, const Shape& shape, DType dtype);

/// In which types a call forms and stores its sums.
struct Sums {
  DType output = f32;
  std::optional<DType> accumulator = std::nullopt;  ///< none: default_accumulator
  Rounding rounding = Rounding::truncate;
  Overflow overflow = Overflow::wrap;
  bool named = false;  ///< the caller chose the output
};

/// The options of a form that writes into y.
///
/// @throws InvalidProblem if they name another type than that of y.
template <typename Options>
[[nodiscard]] Options with_output_of(const TensorView& y, Options options) {
  check_output_of(y, options.output);
  options.output = y.dtype;
  return options;
}

/// What the options of a call say; `original` is the type of the result that they leave open.
template <typename Options>
[[nodiscard]] Sums sums_of(const Options& options, DType original) {
  return {options.output.value_or(original), options.accumulator, options.rounding,
          options.overflow, options.output.has_value()};
}

/// What tells convolve, correlate and their relatives apart.
struct Form {
  bool correlation = false;
  Mode mode = Mode::full;
  Same same = Same::first;
  Boundary boundary = {};            ///< of x; not used by mode `valid`
  std::vector<bool> convolved = {};  ///< per axis; empty = all
  Sums sums = {};
  const TensorView* into = nullptr;  ///< the view that the result is to have; null: compact
};

/// @throws InvalidProblem unless every convolved axis has elements and the mode allows the lengths.
[[nodiscard]] Lowering lower(const ConstTensorView& x, const ConstTensorView& k, const Form& form);

/// @param n, m  extents of the first and the second operand, at least 1
/// @throws InvalidProblem if the full extent overflows.
[[nodiscard]] Window mode_window(Mode mode, std::int64_t n, std::int64_t m);

/// The axis of a problem that computes one window of the full result.
[[nodiscard]] Axis window_axis(const Window& window, std::int64_t input, std::int64_t filter);

/// A call whose axes are settled: what remains is to find batch, groups and channels.
struct Call {
  ConstTensorView x;     ///< in the place of the problem's x
  ConstTensorView w;     ///< of the same rank
  bool swapped = false;  ///< x is the caller's second operand
  /// Per dimension of the operands; none = they broadcast along it.
  std::vector<std::optional<Axis>> axes;
  bool flip = false;
  bool conjugate = false;
  bool reverse_result = false;  ///< along every axis that is convolved
  bool conjugate_result = false;
  Sums sums = {};
  const TensorView* into = nullptr;  ///< as in Form
};

/// Finds the problem, and loops for what does not fit.
///
/// @throws InvalidProblem if more than six axes are convolved.
[[nodiscard]] Lowering assemble(const Call& call);

/// SciPy lets 64-bit integers meet in f64 and rounds them.
///
/// @throws InvalidProblem for 64-bit integers with a floating result.
void check_exact(DType a, DType b, DType output);

/// Plans and runs, into a view that was lowered for.
void run_lowering_into(const Lowering& lowering, const ConstTensorView& x, const ConstTensorView& k,
                       const TensorView& y, const Execution& run);

/// Allocates the result, plans and runs.
[[nodiscard]] Tensor run_lowering(const Lowering& lowering, const ConstTensorView& x,
                                  const ConstTensorView& k, const Execution& run);

/// @throws InvalidProblem unless there is one stride per axis and no extent is negative.
void check_operand(const ConstTensorView& view, std::string_view name);

/// The same for both, which must have equal ranks.
void check_operands(const ConstTensorView& x, const ConstTensorView& k);

/// @throws InvalidProblem for a filter of which a plan cannot keep a copy.
void check_on_cpu(const ConstTensorView& taps, std::string_view name);

/// @throws InvalidProblem unless both have rank 2.
void check_rank_2(const ConstTensorView& x, const ConstTensorView& k);

/// `axis` as an index, negative ones counted from the end.
///
/// @throws InvalidProblem if there is no such axis.
[[nodiscard]] std::size_t axis_index(std::int64_t axis, std::size_t rank);

/// Which axes `axes` names; empty = all, and then so is the result.
///
/// @throws InvalidProblem for axes that do not exist or come twice.
[[nodiscard]] std::vector<bool> convolved_axes(const std::vector<std::int64_t>& axes,
                                               std::size_t rank);

/// Extent along a dimension where operands of extents a and b broadcast.
///
/// @throws InvalidProblem unless they are equal or one of them is 1.
[[nodiscard]] std::int64_t broadcast_extent(std::int64_t a, std::int64_t b, std::size_t axis);

/// The type of x, or that of x and `result` if x's own cannot hold the value of a constant boundary
/// but `result`, a floating type, can.
[[nodiscard]] DType type_for_constant(DType x, const Boundary& boundary, DType result);

/// `x` itself, or a copy of it in `storage` of type_for_constant. Copies live on the CPU.
[[nodiscard]] ConstTensorView operand_for_constant(const ConstTensorView& x,
                                                   const Boundary& boundary, DType result,
                                                   const Execution& run, Tensor& storage);

}  // namespace faltung::signal
