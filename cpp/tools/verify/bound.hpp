#pragma once

#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>
#include <string>
#include <vector>

#include "cpp/tools/verify/operands.hpp"

namespace faltung::tools {

/// The first element in which two results differ, with both values; empty if all are equal.
[[nodiscard]] std::string first_difference(const Operand& actual, const Operand& expected);

/// How far a result may be from the reference's; the formulas stand at Trial.
class Bound {
 public:
  /// @param reference  the bound of the reference's own result
  Bound(const Problem& problem, const Operands& operands, const ErrorBound& reference);

  /// Largest |actual - expected| / bound; infinity if a bound is 0 or a value is not a number.
  ///
  /// Integers that a floating sum became: how far the reference's unrounded value would have to
  /// move to become them, through the bound. With an exact bound results must be equal.
  [[nodiscard]] double ratio(const ErrorBound& bound, const Operand& actual,
                             const Operand& expected) const;

 private:
  [[nodiscard]] double integer_ratio(const ErrorBound& bound, const Operand& actual) const;

  Problem problem_;
  double slope_ = 1;           ///< L of the activation
  double fixed_ = 0;           ///< c_ref + c_epilogue
  double spectrum_ = 0;        ///< |alpha| ||w||
  Tensor unrounded_;           ///< the reference before its store, f64; only for integer results
  Tensor magnitude_;           ///< A, in the shape of the result, f64
  std::vector<double> norms_;  ///< ||X|| for each image, or one for all
};

}  // namespace faltung::tools
