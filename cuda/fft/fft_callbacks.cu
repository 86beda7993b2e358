// Compiled to code for NVIDIA's linker alone, which fft_callbacks.cpp holds as bytes.
#include "cuda/fft/fft_callbacks.cuh"
