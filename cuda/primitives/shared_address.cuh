#pragma once

#include "cuda/primitives/memory.cuh"

namespace faltung::cuda {

/// The 32-bit address that PTX instructions and matrix descriptors take.
template <typename T>
__device__ __forceinline__ std::uint32_t shared_address(Shared<T> pointer) {
#ifdef FALTUNG_EMULATOR
  return emulator::shared_address(pointer.data());
#else
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer.data()));
#endif
}

}  // namespace faltung::cuda
