#pragma once

#include <cstdint>
#include <faltung/device.hpp>
#include <faltung/problem.hpp>
#include <memory>
#include <string>

namespace faltung::tools {

/// What one engine made of one problem.
struct Verification {
  enum class Outcome : std::uint8_t { pass, fail, skip };
  Outcome outcome = Outcome::pass;
  std::string reason;  ///< why it failed or was skipped
  /// Largest |error| / bound over all results that need not be equal; 0 if all are equal.
  double ratio = 0;
};

/// "PASS", "FAIL", "SKIP"
[[nodiscard]] std::string_view name(Verification::Outcome outcome) noexcept;

/// Compares engines with cpu.reference on one problem, first with small integers, then with reals.
///
/// Where every step is exact in the problem's types, results must be equal. Elsewhere the bound is
/// that of the plan (see ErrorBound) plus what the reference itself may be off: with A the same
/// problem on |x|, |w|, |bias| and |scales| in f64, and u the unit roundoff of the result,
///
///     elementwise  |y - y_ref| <= L (c + c_ref + c_epilogue) A + 2 u |y_ref|
///     normwise     the 2-norm over each image of the batch (over dw as a whole) of y - y_ref is at
///                  most L |alpha| c ||X|| ||w|| + the 2-norm of L (c_ref + c_epilogue) A + 2 u
///                  |y_ref|
///
/// L is the steepest slope of the activation, X the input as its boundary extends it. Where
/// floating sums become integers, y_ref is the reference before its store, and y must be what the
/// store makes of some number as near to it as this bound (without the last term) says: a result
/// may differ only where y_ref is that near to a step of the store. Sums of integers must be equal.
class Trial {
 public:
  /// Draws the operands and runs the reference.
  ///
  /// @throws InvalidProblem if the problem is not valid, DeviceError if memory runs out.
  Trial(const Problem& problem, std::uint64_t seed);
  ~Trial();

  /// Runs the engine of that name, or one way of it. Its refusal is a skip; a DeviceError is a
  /// failure.
  [[nodiscard]] Verification verify(const std::string& engine, const Device& device) const;

 private:
  struct Case;
  Problem problem_;
  std::unique_ptr<Case> cases_[2];
};

}  // namespace faltung::tools
