#pragma once

#include "cpp/core/engine.hpp"

namespace faltung::cuda {

/// `cuda.depthwise`: one filter per channel, rank 1 to 3, all three passes.
[[nodiscard]] const Engine& depthwise_engine();

}  // namespace faltung::cuda
