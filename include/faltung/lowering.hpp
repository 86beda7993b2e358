#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <faltung/allocator.hpp>
#include <faltung/device.hpp>
#include <faltung/export.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung {

/// One call of a front end in normal form, to plan once and run many times:
///
///     auto call = signal::lower_convolve(x, k, {.mode = Mode::same});
///     auto plan = Plan::make(call.problem, x.device, call.plan);
///     call.run(plan, stream, x, k, y);
///
/// Results are those of the call, bit for bit.
struct Lowering {
  Problem problem;              ///< what a plan is made of
  PlanOptions plan;             ///< the engine, method and limits asked for
  Shape result_shape;           ///< of y
  Strides result_strides = {};  ///< of y; empty: compact
  ConstTensorView x;            ///< the operands that were lowered, without their data
  ConstTensorView k;            ///< likewise; not used if the lowering has a filter of its own
  /// The second operand, where the lowering made it: weights in the type of the sums, a filter it
  /// designed. It lies on the device of x.
  std::shared_ptr<const Tensor> filter = {};
  /// What the operands and the result are called in messages.
  std::array<std::string_view, 3> names = {"x", "k", "y"};

  bool swapped = false;            ///< k takes the place of the problem's first operand
  bool conjugate_result = false;   ///< y is the conjugate of the problem's, then on the CPU
  std::int64_t result_offset = 0;  ///< elements from the start of y to where the problem's y begins
  /// Axes that fit into no dimension of the problem: it runs once per index.
  struct Loop {
    std::int64_t extent = 1;  ///< number of indices
    std::int64_t x = 0;       ///< elements between neighbours in the problem's x
    std::int64_t w = 0;       ///< ... its w
    std::int64_t y = 0;       ///< ... and its y
  };
  std::vector<Loop> loops;  ///< slowest first; usually none

  /// @param made  a plan of `problem`
  /// @param x, k  operands with the shapes, types and strides that were lowered
  /// @param y     of result_shape and the problem's result_dtype(); apart from both operands
  /// @param bias  as in Plan::run
  /// @throws InvalidProblem for other views, or if the lowering has a filter of its own; and what
  ///         Plan::run throws.
  FALTUNG_API void run(const Plan& made, const Stream& stream, const ConstTensorView& x,
                       const ConstTensorView& k, const TensorView& y,
                       const Workspace& workspace = {}, const ConstTensorView& bias = {}) const;
  /// The same with the filter that the lowering has.
  FALTUNG_API void run(const Plan& made, const Stream& stream, const ConstTensorView& x,
                       const TensorView& y, const Workspace& workspace = {}) const;

 private:
  void run_both(const Plan& made, const Stream& stream, const ConstTensorView& first,
                const ConstTensorView& second, const TensorView& y, const Workspace& workspace,
                const ConstTensorView& bias) const;
};

}  // namespace faltung
