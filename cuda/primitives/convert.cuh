#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <faltung/half.hpp>
#include <type_traits>

/// Conversions as the hardware rounds them. Half and BFloat16 are storage types; their own
/// operators are for the host.
namespace faltung::cuda {

__device__ __forceinline__ float to_float(float value) { return value; }

__device__ __forceinline__ float to_float(Half value) {
#ifdef FALTUNG_EMULATOR
  return value;
#else
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
#endif
}

__device__ __forceinline__ float to_float(BFloat16 value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}

/// To float, Half or BFloat16, to nearest, ties to even.
template <typename T>
__device__ __forceinline__ T from_float(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
#ifdef FALTUNG_EMULATOR
    return T(value);
#else
    T result;
    if constexpr (std::is_same_v<T, Half>) {
      asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    } else {
      static_assert(std::is_same_v<T, BFloat16>);
      asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    }
    return result;
#endif
  }
}

/// Two 16-bit values in one register, `low` in the low half: how matrix fragments hold them.
template <typename T>
__device__ __forceinline__ std::uint32_t pack(T low, T high) {
  return static_cast<std::uint32_t>(low.bits) | static_cast<std::uint32_t>(high.bits) << 16;
}

/// Two bytes as two halves in one register: the last bits of 1024 + n, less 1024.
__device__ __forceinline__ std::uint32_t bytes_to_halves(std::uint32_t two) {
#ifdef FALTUNG_EMULATOR
  return pack(Half(static_cast<float>(two & 0xffu)), Half(static_cast<float>(two >> 8 & 0xffu)));
#else
  std::uint32_t result;
  asm("{ .reg .b32 t; prmt.b32 t, %1, 0x64646464, 0x4140; sub.rn.f16x2 %0, t, %2; }"
      : "=r"(result)
      : "r"(two), "r"(0x64006400u));
  return result;
#endif
}

/// The nearest tf32 (10 bits of mantissa), ties away from zero, as the bits of a float.
__device__ __forceinline__ std::uint32_t to_tf32(float value) {
#ifdef FALTUNG_EMULATOR
  const std::uint32_t bits = __float_as_uint(value);
  const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
  return (finite ? bits + 0x1000u : bits) & 0xffffe000u;
#else
  std::uint32_t result;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "f"(value));
  return result;
#endif
}

}  // namespace faltung::cuda
