#pragma once

#include "cpp/core/masked_passes.hpp"

namespace faltung::cuda {

/// The elementwise passes of masked convolution by kernels of our own.
[[nodiscard]] const masked::Passes& masked_passes();

}  // namespace faltung::cuda
