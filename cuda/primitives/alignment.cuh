#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/primitives/memory.cuh"

namespace faltung::cuda {

/// Whether an address is a multiple of so many bytes: those of one access.
__host__ __device__ inline bool is_aligned(const void* data, std::size_t bytes = 16) {
  return reinterpret_cast<std::uintptr_t>(data) % bytes == 0;
}
template <typename T>
__host__ __device__ bool is_aligned(const Global<T>& data, std::size_t bytes = 16) {
  return is_aligned(data.data(), bytes);
}

}  // namespace faltung::cuda
