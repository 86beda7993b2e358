#pragma once

#include <cstdint>

#include <faltung/signal.hpp>

namespace faltung::signal {

/// Whether a mode continues x by its own elements or by cval alone; the others compute new ones.
[[nodiscard]] bool repeats_elements(Extension mode) noexcept;

/// A copy of `x` in the type `dtype` with `reach` elements more at both ends of one axis, continued
/// by `mode`. All modes repeat as often as needed; one sample is continued by itself (negated in
/// turn by antisymmetric).
///
/// @param x      on the CPU, not empty along `axis`
/// @param dtype  any where the mode repeats elements, else f32, f64, c64 or c128
[[nodiscard]] Tensor extended_copy(const ConstTensorView& x, DType dtype, std::size_t axis,
                                   std::int64_t reach, Extension mode, std::complex<double> cval);

}  // namespace faltung::signal
