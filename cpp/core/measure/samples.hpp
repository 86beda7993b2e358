#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <faltung/plan.hpp>
#include "cpp/core/measure/operands.hpp"
#include "cpp/core/measure/window.hpp"

namespace faltung::measuring {

/// What the definition gives at some places of a result, to which others are compared.
class Samples {
 public:
  /// Windows of the result, drawn at random and at its ends; all of it if it is small.
  Samples(const Problem& problem, const Operands& operands, std::uint64_t seed);

  /// Whether there are none: of a large gradient with regard to data whose boundaries fold, no part
  /// can be computed alone.
  [[nodiscard]] bool empty() const { return windows_.empty(); }

  /// What is wrong with a result, on the CPU, of a plan with this bound; empty if nothing is. Of
  /// the windows all is compared; elsewhere no number is NaN, which the operands never give, and
  /// which memory is that was poisoned and not written.
  ///
  /// With A >= the magnitudes that are summed for an element, alpha, beta and bias included, and L
  /// the steepest slope of the activation, each element may be off by
  ///
  ///     L (c + c_reference + c_epilogue) A + u |y| + half the smallest number of the type
  ///
  /// twice in its last two terms, since the definition's is rounded too; normwise, L c ||x|| ||w||
  /// stands for L c A, and an element is off by no more than all are together. Bounds from above
  /// stand for A and the norms, so that what passes may miss its bound by a small factor; a product
  /// that is missing or of other operands does not pass.
  [[nodiscard]] std::string objection(const ConstTensorView& result, const ErrorBound& bound) const;

 private:
  struct Tolerance {
    double everywhere, relative;
  };
  [[nodiscard]] Tolerance tolerance(const ErrorBound& bound) const;
  [[nodiscard]] Tensor evaluate(const Window& window, const Operands& operands);

  Problem problem_;
  std::vector<Window> windows_;
  std::vector<Tensor> expected_;  ///< one per window, compact, f64 or c128
  double largest_product_;
  double reference_constant_ = 0;
};

}  // namespace faltung::measuring
