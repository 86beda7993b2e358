#pragma once

#include "cpp/core/engine.hpp"

namespace faltung {

/// `cpu.reference`: the definition, for every valid problem.
[[nodiscard]] const Engine& reference_engine();

}  // namespace faltung
