#pragma once

#include <utility>

#include "cuda/runtime/launch.hpp"

namespace faltung::emulator_kernels {

/// Loads a kernel and launches it, as an engine does in two steps.
template <typename... Parameters, typename... Arguments>
void start(void (*kernel)(Parameters...), const cuda::LaunchConfig& config,
           Arguments&&... arguments) {
  cuda::load_kernel(kernel, config);
  cuda::launch(kernel, config, std::forward<Arguments>(arguments)...);
}

}  // namespace faltung::emulator_kernels
