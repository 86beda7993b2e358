#pragma once

#include "cpp/core/engine.hpp"

namespace faltung::cuda {

/// `cuda.im2col`: products of matrices by cuBLASLt, which is opened at run time.
[[nodiscard]] const Engine& im2col_engine();

}  // namespace faltung::cuda
