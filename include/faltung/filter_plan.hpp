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

/// A filter that is no single convolution, planned once to run often: passes along the axes, sums
/// of them, windows that are counted or ordered, signals that are extended first.
///
///     const FilterPlan blur = image::plan_gaussian(x, {.sigma = 2});
///     for (...) blur.run(frame, result);
///
/// It holds its taps and plans, and nothing of an image. Results are those of the call, bit for
/// bit. Like a Plan it is safe from many threads at once when results and workspaces differ, and
/// with a workspace from the caller allocates nothing but what windows and lines are ordered with.
/// Copies share what they hold.
class FALTUNG_API FilterPlan {
 public:
  /// @param x  of the shape, strides, type and device that were planned for
  /// @param y  compact, of y_shape() and y_dtype(), apart from x
  /// @param stream     Stream{}: the default one of the device
  /// @param workspace  at least workspace_bytes(), aligned to 256; if empty, it is taken from the
  ///                   allocator of the options
  /// @throws InvalidProblem for other views, and for memory that overlaps; DeviceError if the
  ///         device fails or memory runs out.
  void run(const ConstTensorView& x, const TensorView& y, const Stream& stream = {},
           const Workspace& workspace = {}) const;

  /// Scratch memory that a run needs, intermediate images included, in bytes.
  [[nodiscard]] std::size_t workspace_bytes() const noexcept;
  /// Shape of x.
  [[nodiscard]] const Shape& x_shape() const noexcept;
  /// Shape of the result: filters of images keep that of x.
  [[nodiscard]] const Shape& y_shape() const noexcept;
  /// Type of the result.
  [[nodiscard]] DType y_dtype() const noexcept;
  /// One line per step, in order: the engine and the problem of a pass, or what else is done.
  [[nodiscard]] std::string explain() const;

  struct State;  ///< internal
  explicit FilterPlan(std::shared_ptr<const State> state);

 private:
  std::shared_ptr<const State> state_;
};

}  // namespace faltung
