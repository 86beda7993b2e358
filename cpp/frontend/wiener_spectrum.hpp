#pragma once

#include <optional>

#include <faltung/restoration.hpp>

namespace faltung::image {

/// wiener() on the CPU without clipping: spectra of x and psf in f64, the quotient, and back. Of
/// operands that keep the rules of wiener(), not empty.
///
/// @return nothing where one convolution must do it: on a GPU; where the options name an engine,
///         lend or limit memory, or ask for reproducible or elementwise results, or for subnormals
///         to be flushed; and where a spectrum is not finite, because data are not, or are too
///         large
[[nodiscard]] std::optional<Tensor> wiener_by_spectra(const ConstTensorView& x,
                                                      const ConstTensorView& psf,
                                                      const WienerOptions& options);

}  // namespace faltung::image
