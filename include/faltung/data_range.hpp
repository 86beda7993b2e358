#pragma once

#include <string>

#include <faltung/export.hpp>
#include <faltung/plan.hpp>

namespace faltung {

/// What the range of given data means for the results of a plan.
struct DataRange {
  double smallest = 0;  ///< magnitude in the first operand that is not 0; 0 if all are
  double largest = 0;   ///< magnitude in the first operand, of what is finite
  /// Upper bound of the error of any result, before it is rounded to its type.
  double error = 0;
  /// How far a result may be off as a share of what it is made of. Of a normwise bound: the error
  /// over the product of `smallest` with the largest of the second operand. From 1 on, results of
  /// the smallest data may be lost, and Accuracy::elementwise is of use. Of an elementwise bound
  /// its constant, whatever the data; 0 if results are exact.
  double ratio = 0;
};

/// Looks at both operands of a plan, on the CPU: 1 to 2 ns an element.
///
/// @throws InvalidProblem for views that are not those of the problem, or not on the CPU.
[[nodiscard]] FALTUNG_API DataRange data_range(const Plan& plan, const ConstTensorView& first,
                                               const ConstTensorView& second);

/// One line for people.
[[nodiscard]] FALTUNG_API std::string to_string(const DataRange& range);

}  // namespace faltung
