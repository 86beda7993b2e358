#pragma once

#include <cstdint>

#include <faltung/plan.hpp>
#include <faltung/tensor.hpp>

namespace faltung::bench {

/// Floating values uniform in [-1, 1), integers from 0 to 12: nothing overflows by chance.
void fill(Tensor& tensor, std::uint64_t seed);

/// The two operands and the result of one problem, with the content of `fill`, on the CPU.
struct Operands {
  Tensor first;
  Tensor second;
  Tensor result;
};

/// @throws InvalidProblem if the problem has strides: suites name compact ones.
[[nodiscard]] Operands make_operands(const Problem& problem, std::uint64_t seed);

/// Largest error of `operands.result` over its bound, at randomly chosen windows.
///
/// Expected values come from cpu.reference in double. Afterwards the operands hold their absolute
/// values: they have served to find |x| * |w|.
struct ErrorCheck {
  double ratio = 0;           ///< at most 1 in a right result; negative if nothing was checked
  std::int64_t elements = 0;  ///< how many results were compared
};
[[nodiscard]] ErrorCheck check_error(const Problem& problem, const ErrorBound& bound,
                                     Operands& operands, std::uint64_t seed);

}  // namespace faltung::bench
