#pragma once

#include "cpp/core/engine.hpp"

namespace faltung::cuda {

/// `cuda.cudnn`: convolutions of cuDNN 9, chosen by its heuristics among what is as accurate as
/// the problem asks for.
[[nodiscard]] const Engine& cudnn_engine();

}  // namespace faltung::cuda
