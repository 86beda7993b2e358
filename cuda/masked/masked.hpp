#pragma once

#include <cuda_runtime.h>

#include "cpp/core/masked_passes.hpp"

/// The elementwise passes of masked convolution on the current device, put into a stream.
namespace faltung::cuda::masked {

void load(const faltung::masked::LoadPass& pass, cudaStream_t stream);
void divide(const faltung::masked::QuotientPass& pass, cudaStream_t stream);
/// Loads the kernels of these, so that runs may be captured.
void prepare(DType sums);
/// 1 for every weight above 0, in place.
void count(const TensorView& weights, cudaStream_t stream);

}  // namespace faltung::cuda::masked
