#pragma once

#include <cstddef>
#include <cstdint>

#include <faltung/tensor_view.hpp>
#include "cpp/cpu/mean/panel.hpp"

namespace faltung::mean {

/// Where the lines along one axis of x and y lie, in bytes. Line l + 1 is the neighbour of line l
/// along the axis of y with the smallest steps, so that neighbouring lines have neighbouring
/// elements wherever there are such.
class LinePlaces {
 public:
  LinePlaces(const ConstTensorView& x, const TensorView& y, std::size_t along);

  [[nodiscard]] std::int64_t count() const;

  /// Of lines `first` to `first + count - 1`: element 0 in x, and result `result` in y.
  void find(std::int64_t first, std::int64_t count, std::int64_t result, const std::byte** from,
            std::byte** to) const;

  Lines from, to;  ///< of none so far

 private:
  void add_axis(std::int64_t extent, std::int64_t x_step, std::int64_t y_step);

  const std::byte* x_;
  std::byte* y_;
  Shape across_;  // the other axes, slowest first; neighbours that step as one are one
  Strides x_steps_, y_steps_;
};

}  // namespace faltung::mean
