#pragma once

#include "cpp/core/engine.hpp"

namespace faltung {

/// `cpu.direct`: the sums of the definition, row by row, with contiguous inner loops. All ranks,
/// passes, layouts, boundaries and types.
[[nodiscard]] const Engine& direct_engine();

}  // namespace faltung
