#pragma once

#include "cpp/core/engine.hpp"

namespace faltung {

/// `cpu.rows`: the engine that docs/add-an-engine.md adds.
[[nodiscard]] const Engine& rows_engine();

}  // namespace faltung
