#pragma once

#include "cpp/core/engine.hpp"

namespace faltung::cuda {

/// `cuda.separable`: filters that are declared outer products, all axes in one pass.
[[nodiscard]] const Engine& separable_engine();

}  // namespace faltung::cuda
