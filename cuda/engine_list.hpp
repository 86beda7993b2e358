#pragma once

#include <span>

#include "cpp/core/engine.hpp"

namespace faltung::cuda {

/// The engines that run on CUDA devices, in the order of the whole list.
[[nodiscard]] std::span<const Engine* const> engine_list();

}  // namespace faltung::cuda
