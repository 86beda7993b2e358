#pragma once

#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung::fft {

/// A copy of w with its strides, for runs with a bound filter that need its elements. Only these
/// are read: what lies between them may not be the caller's.
class FilterCopy {
 public:
  FilterCopy(const Problem& problem, const void* w);
  /// The first element.
  [[nodiscard]] const void* data() const { return data_; }

 private:
  Tensor bytes_;
  const void* data_;
};

}  // namespace faltung::fft
