#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <faltung/gradient_plan.hpp>
#include <faltung/masked.hpp>
#include "cpp/frontend/masked.hpp"
#include "cpp/frontend/masked_pass.hpp"

namespace faltung::masked {

/// With respect to what.
enum class Operand : std::uint8_t { data, filter };

/// The gradient of a masked convolution with respect to one operand, checked and planned.
struct Gradient {
  Operand of = Operand::data;
  const char *name = "dx", *filter_name = "w";  ///< in messages
  Masked masked;
  ConstTensorView dy, x;  ///< forms without data
  TensorView result;      ///< likewise: compact, until a view is named
  /// From the gradients of the sums to the operand, and, of the filter where something may be
  /// missing, from those of the divisors.
  std::optional<CompactPass> of_sums, of_divisors;
  Extents order;  ///< of the filter: its axes as the problems have them

  [[nodiscard]] std::size_t workspace_bytes() const;
  /// @param workspace  of workspace_bytes()
  void run(const ConstTensorView& dy, const ConstTensorView& x, const TensorView& to,
           const Stream& stream, const Workspace& workspace) const;
};

/// @param y  the shape of the result of the filter
/// @throws InvalidProblem for a dy of another type, shape or device.
void check_gradient(const ConstTensorView& dy, const Masked& masked, const Shape& y,
                    const Device& device);

/// The three forms, of a gradient that a front end has made.
///
/// @param w, weights  of the caller: into a view that is apart from them
[[nodiscard]] Tensor gradient(const Gradient& g, const ConstTensorView& dy,
                              const ConstTensorView& x);
void gradient_into(Gradient g, const ConstTensorView& dy, const ConstTensorView& x,
                   const ConstTensorView& w, const ConstTensorView& weights, const TensorView& to);
[[nodiscard]] GradientPlan plan_gradient(Gradient g);

}  // namespace faltung::masked
