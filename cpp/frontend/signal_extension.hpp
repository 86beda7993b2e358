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

/// A copy of `x` in the type `dtype` with `reach` elements more at both ends of one axis, continued
/// by `mode`. All modes repeat as often as needed; one sample is continued by itself (negated in
/// turn by antisymmetric).
///
/// @param x      on the CPU, not empty along `axis`
/// @param dtype  any where the mode repeats elements, else f32, f64, c64 or c128
[[nodiscard]] Tensor extended_copy(const ConstTensorView& x, DType dtype, std::size_t axis,
                                   std::int64_t reach, Extension mode, std::complex<double> cval,
                                   const Execution& run = {});

}  // namespace faltung::signal
