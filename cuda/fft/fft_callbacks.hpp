#pragma once

#include <cstdint>
#include <string>

#include "cuda/fft/fft_batches.hpp"
#include "cuda/fft/fused_load.hpp"
#include "cuda/runtime/cufft.hpp"

/// The functions of fft_callbacks.cuh, as cuFFT takes them.
namespace faltung::cuda::fft {

/// What FALTUNG_CUFFT_CALLBACKS says.
enum class CallbackUse : std::uint8_t {
  off,        ///< none
  if_faster,  ///< "auto": where they save more than a launch takes, see choose_fused
  all         ///< wherever they can be
};
/// @throws InvalidProblem if it is none of "off", "auto" and "all".
[[nodiscard]] CallbackUse callback_use();

/// Which operands cuFFT is to load itself, if this process can have callbacks.
[[nodiscard]] FusedLoads wanted_loads(const Numbers& numbers, const Geometry& g);

/// The one that loads blocks of these numbers from elements of a type.
[[nodiscard]] cufft::Callback load_callback(const Numbers& numbers, const Geometry& g,
                                            DType element);

/// Why this process can have no callbacks; empty if it can: what FALTUNG_CUFFT_CALLBACKS says, and
/// what cuFFT lacks.
[[nodiscard]] std::string callbacks_refusal();

}  // namespace faltung::cuda::fft
