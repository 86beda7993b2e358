// Kernels that call the callbacks as cuFFT's do, for the same linker: each reads the points of a
// radix-2 step and stores them.
#include "cuda/fft/fft_callback_names.hpp"

#define FALTUNG_TEST_CALLER(name, Result, ...)                                               \
  __device__ Result name(void* input, unsigned long long offset, void*, void*);              \
  extern "C" __global__ void caller_of_##name(void* input, Result* to, unsigned step) {      \
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;                                \
    Result point[2];                                                                         \
    for (unsigned k = 0; k < 2; ++k) point[k] = name(input, i + k * step, nullptr, nullptr); \
    for (unsigned k = 0; k < 2; ++k) to[i + k * step] = point[k];                            \
  }
FALTUNG_FFT_CALLBACKS(FALTUNG_TEST_CALLER)
