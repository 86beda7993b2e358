#pragma once

#include <complex>
#include <cstdint>

#include <faltung/signal.hpp>

namespace faltung::signal {

/// Whether a mode continues x by its own elements or by cval alone; the others compute new ones.
[[nodiscard]] bool repeats_elements(Extension mode) noexcept;

/// Calls f with a zero of `dtype`, one of the types in which new elements are computed: f32, f64,
/// c64 or c128.
template <typename F>
void visit_computed(DType dtype, F&& f) {
  switch (dtype) {
    case f32:
      return f(float{});
    case f64:
      return f(double{});
    case c64:
      return f(std::complex<float>{});
    default:
      return f(std::complex<double>{});
  }
}

/// Copies `x` into the middle of `target`, which is as much longer at both ends of one axis, and
/// continues it there by `mode`. All modes repeat as often as needed; one sample is continued by
/// itself (negated in turn by antisymmetric).
///
/// @param x       on the CPU, of any type and strides, not empty
/// @param target  compact; of any type where the mode repeats elements, else f32, f64, c64 or c128
void extend_into(const ConstTensorView& x, const TensorView& target, std::size_t axis,
                 Extension mode, std::complex<double> cval);

}  // namespace faltung::signal
