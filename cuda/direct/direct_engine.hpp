#pragma once

#include "cpp/core/engine.hpp"

namespace faltung::cuda {

/// `cuda.direct`: forward passes and data gradients of rank 1 to 3, summed by the definition.
[[nodiscard]] const Engine& direct_engine();

}  // namespace faltung::cuda
