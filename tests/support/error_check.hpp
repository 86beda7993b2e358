#pragma once

#include "tests/support/operands.hpp"

namespace faltung::test {

/// How far `result` is from the reference, as a share of what the engine's bound allows: more than
/// 1 is a failure. An exact bound gives 0 for equal bits and infinity for others.
///
/// The bounds are those of ErrorBound, evaluated on these operands: |x| * |w| and the norms come
/// from the reference in f64. The share of the reference itself, the epilogue (in double) and the
/// rounding of both results are added. Where floating sums become integers, the error is how far
/// the reference's sum is from one that is stored as the result, and nothing is added for rounding.
[[nodiscard]] double error_ratio(const Problem& problem, const Operands& operands,
                                 const Array& reference, const Array& result,
                                 const ErrorBound& bound);

}  // namespace faltung::test
