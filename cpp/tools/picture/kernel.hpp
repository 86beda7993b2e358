#pragma once

#include <faltung/boundary.hpp>
#include <faltung/execution.hpp>
#include <faltung/method.hpp>
#include <faltung/per_axis.hpp>
#include <faltung/tensor.hpp>
#include <string>

namespace faltung::tools {

/// How a kernel is run.
struct KernelRun {
  Method method = Method::automatic;
  Execution run = {};
};

/// What `filter --kernel` names.
class Kernel {
 public:
  /// "gaussian:SIGMA", "box:N", either also as "box:ROWS,COLUMNS", "sobel", "sobel-x", "sobel-y",
  /// "laplace", "sharpen", "emboss" or "FILE.npy".
  ///
  /// @throws InvalidProblem for any other text, FileError for a file that is no real, finite matrix
  ///         of f32's range.
  [[nodiscard]] static Kernel parse(const std::string& text);

  /// Filters one channel, f32 or f64 [height, width], where it lies.
  [[nodiscard]] Tensor apply(const ConstTensorView& x, const PerAxis<Boundary>& boundary,
                             const KernelRun& how) const;

  /// The sum of the taps if none is negative, else 0. Such a kernel smooths: it makes sense for
  /// alpha as well.
  [[nodiscard]] double smoothing_sum() const;

 private:
  std::string name_;
  PerAxis<double> numbers_;  ///< of gaussian and box: rows, columns, or both
  Tensor values_;            ///< f64, of sharpen, emboss and a file, for correlation
};

}  // namespace faltung::tools
