#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <faltung/allocator.hpp>
#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/export.hpp>
#include <faltung/tensor.hpp>

namespace faltung {

/// The gradient of a filter that is no single convolution, planned once to run often.
///
///     const GradientPlan plan = image::plan_masked_convolve_data_gradient(dy, x, w, {});
///     for (...) plan.run(dy, x, dx);
///
/// It holds the filter and its plans, and nothing of an image. Results are those of the call, bit
/// for bit. Like a Plan it is safe from many threads at once when results and workspaces differ,
/// and with a workspace from the caller allocates nothing. Copies share what they hold.
class FALTUNG_API GradientPlan {
 public:
  /// @param dy, x     of the shapes, strides, types and device that were planned for
  /// @param gradient  compact, of shape() and dtype(), apart from both
  /// @param stream     Stream{}: the default one of the device
  /// @param workspace  at least workspace_bytes(), aligned to 256; if empty, it is taken from the
  ///                   allocator of the options
  /// @throws InvalidProblem for other views, and for memory that overlaps; DeviceError if the
  ///         device fails or memory runs out.
  void run(const ConstTensorView& dy, const ConstTensorView& x, const TensorView& gradient,
           const Stream& stream = {}, const Workspace& workspace = {}) const;

  /// Scratch memory that a run needs, intermediate images included, in bytes.
  [[nodiscard]] std::size_t workspace_bytes() const noexcept;
  /// Shape of dy: that of the result of the filter.
  [[nodiscard]] const Shape& dy_shape() const noexcept;
  /// Shape of x.
  [[nodiscard]] const Shape& x_shape() const noexcept;
  /// Shape of the gradient.
  [[nodiscard]] const Shape& shape() const noexcept;
  /// Type of the gradient.
  [[nodiscard]] DType dtype() const noexcept;
  /// One line per convolution, in order: its engine and its problem.
  [[nodiscard]] std::string explain() const;

  struct State;  ///< internal
  explicit GradientPlan(std::shared_ptr<const State> state);

 private:
  std::shared_ptr<const State> state_;
};

}  // namespace faltung
