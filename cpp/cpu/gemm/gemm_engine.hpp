#pragma once

#include "cpp/core/engine.hpp"

namespace faltung {

/// `cpu.gemm`: columns of the extended input in blocks, times the filter, as products of matrices.
/// All ranks, passes, layouts and boundaries; floating and complex sums.
[[nodiscard]] const Engine& gemm_engine();

}  // namespace faltung
