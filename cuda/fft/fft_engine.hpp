#pragma once

#include "cpp/core/engine.hpp"

namespace faltung::cuda {

/// `cuda.fft`: filters of any length by cuFFT, which is opened at run time.
[[nodiscard]] const Engine& fft_engine();

}  // namespace faltung::cuda
