#pragma once

#include <faltung/masked.hpp>
#include "cpp/frontend/masked.hpp"

namespace faltung::signal {

/// A masked convolution or correlation of signals, checked and planned.
///
/// @param keep  weights are copied, to be there when it runs
/// @throws as the public functions do.
[[nodiscard]] masked::Masked masked_signal(bool correlates, const ConstTensorView& x,
                                           const ConstTensorView& k, const MaskedOptions& options,
                                           bool keep, masked::Cut cut);

/// The sums over compact operands of their type, whichever of both is the longer: x stays x, and
/// the problem's first axis is that of x unless both have but one element along it.
[[nodiscard]] Problem masked_problem(bool correlates, const ConstTensorView& x,
                                     const ConstTensorView& k, Mode mode, DType sums);

/// What both convolutions, and their gradients, ask of the planner.
[[nodiscard]] PlanOptions masked_plan_options(const Problem& problem, const MaskedOptions& options);

/// The shape of the result.
[[nodiscard]] Shape masked_shape(const ConstTensorView& x, const ConstTensorView& k, Mode mode);

}  // namespace faltung::signal
