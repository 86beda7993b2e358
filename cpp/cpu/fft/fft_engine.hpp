#pragma once

#include "cpp/core/engine.hpp"

namespace faltung {

/// `cpu.fft`: whole transforms over all axes with more than one tap, by ducc0. All ranks, passes,
/// layouts and boundaries; integers where rounding provably recovers them.
[[nodiscard]] const Engine& fft_engine();

}  // namespace faltung
