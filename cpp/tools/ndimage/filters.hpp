#pragma once

#include <faltung/tensor.hpp>
#include <string>
#include <vector>

#include "cpp/tools/support/sum_options.hpp"

/// The image filters of the library by their names in scipy.ndimage, for arrays of any rank.
namespace faltung::tools {

/// The options of one call as they were given; empty if left out.
struct FilterText : SumText {
  std::string filter;
  std::string sigma, order, truncate, radius;  ///< of Gaussians
  std::string size, footprint;                 ///< of windows
  std::string rank, percentile;
  std::string weights;  ///< a file
  std::string origin;
  std::string axis, axes;
  std::string mode, cval;  ///< what stands outside
  std::string method = "auto";
};

/// The names that `NamedFilter` takes, in the order in which they are documented.
[[nodiscard]] std::vector<std::string> filter_names();

/// One call, its options read and checked.
class NamedFilter {
 public:
  /// Names may have hyphens for underscores and SciPy's ending: gaussian_filter. Reads the weights.
  ///
  /// @throws InvalidProblem for an unknown name, an option that the filter does not have or lacks,
  ///         and a value that breaks the option's rule; FileError for weights that cannot be read.
  explicit NamedFilter(const FilterText& text);

  /// @param x  on any device
  /// @returns a tensor of x's shape, there.
  /// @throws as the function of faltung::image.
  [[nodiscard]] Tensor operator()(const ConstTensorView& x) const;

 private:
  FilterText text_;
  std::size_t row_;
  Tensor weights_;  ///< or the footprint; on the CPU, where whole numbers are recognised
};

}  // namespace faltung::tools
