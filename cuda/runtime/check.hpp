#pragma once

#include <cuda_runtime_api.h>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"

namespace faltung::cuda {

/// Throws DeviceError naming what was attempted, e.g.
/// check(cudaMalloc(&p, bytes), "allocate ", bytes, " bytes on ", device).
///
/// The error is taken out of the thread's state, so that the user's next check does not meet it.
template <typename... What>
void check(cudaError_t status, const What&... what) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();
  throw DeviceError(message("CUDA cannot ", what..., ": ", cudaGetErrorString(status), " (",
                            cudaGetErrorName(status), ", ", static_cast<int>(status), ")"));
}

}  // namespace faltung::cuda
