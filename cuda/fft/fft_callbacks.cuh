#pragma once

#include "cuda/fft/fft_callback_names.hpp"
#include "cuda/fft/fused_load.cuh"

#define FALTUNG_FFT_DEFINE(name, Result, T, Source, rank, own)                              \
  __device__ Result name(void* input, unsigned long long offset, void*, void*) {            \
    const T value = ::faltung::cuda::fft::fused_point<T, Source, rank, own>(input, offset); \
    return __builtin_bit_cast(Result, value);                                               \
  }
FALTUNG_FFT_CALLBACKS(FALTUNG_FFT_DEFINE)
#undef FALTUNG_FFT_DEFINE
