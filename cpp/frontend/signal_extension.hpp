#pragma once

#include <cstdint>

#include <faltung/signal.hpp>

namespace faltung::signal {

/// A copy of `x` in the floating or complex type `dtype` with `reach` elements more at both ends of
/// one axis, continued by `mode`. All modes repeat as often as needed; one sample is continued by
/// itself (negated in turn by antisymmetric).
///
/// @param x  on the CPU, not empty along `axis`
[[nodiscard]] Tensor extended_copy(const ConstTensorView& x, DType dtype, std::size_t axis,
                                   std::int64_t reach, Extension mode, std::complex<double> cval);

}  // namespace faltung::signal
