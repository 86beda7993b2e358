#pragma once

#include "cpp/core/engine.hpp"

namespace faltung {

/// `cpu.fft`: transforms over all axes with more than one tap. All ranks, passes,
/// layouts and boundaries; integers where rounding provably recovers them.
[[nodiscard]] const Engine& fft_engine();

}  // namespace faltung
