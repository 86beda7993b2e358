#pragma once

// Stands in for the CUDA toolkit's header of this name when kernels and their launch code are
// compiled for the emulator. Holds only what our own code uses; CUDA's names, CUDA's meaning.

#define FALTUNG_EMULATOR 1

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "tests/emulator/toolkit/device_api.hpp"
#include "tests/emulator/toolkit/vector_types.hpp"

// NOLINTBEGIN: CUDA's names
#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)

inline uint3 threadIdx;
inline uint3 blockIdx;
inline dim3 blockDim;
inline dim3 gridDim;
inline constexpr int warpSize = 32;

inline void __syncthreads(
    const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  faltung::emulator::sync_block(faltung::emulator::Vote::count, 0, where);
}
inline int __syncthreads_count(
    int predicate, const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::sync_block(faltung::emulator::Vote::count, predicate, where);
}
inline int __syncthreads_or(
    int predicate, const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::sync_block(faltung::emulator::Vote::any, predicate, where);
}
inline int __syncthreads_and(
    int predicate, const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::sync_block(faltung::emulator::Vote::all, predicate, where);
}
inline void __syncwarp(unsigned mask = 0xffffffffu,
                       const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  faltung::emulator::sync_warp(mask, where);
}

inline unsigned __ballot_sync(
    unsigned mask, int predicate,
    const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::ballot(mask, predicate, where);
}
inline int __any_sync(unsigned mask, int predicate,
                      const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::ballot(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::ballot(mask, !predicate, where) == 0;
}

namespace faltung::emulator {
template <typename T>
T shuffled(Shuffle kind, unsigned mask, const T& value, int operand, int width,
           const faltung::emulator::Where& where) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  T result;
  shuffle(kind, mask, &value, &result, sizeof(T), operand, width, where);
  return result;
}
}  // namespace faltung::emulator

template <typename T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32,
              const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::shuffled(faltung::emulator::Shuffle::index, mask, value, lane, width,
                                     where);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::shuffled(faltung::emulator::Shuffle::up, mask, value,
                                     static_cast<int>(delta), width, where);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::shuffled(faltung::emulator::Shuffle::down, mask, value,
                                     static_cast<int>(delta), width, where);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  const faltung::emulator::Where& where = faltung::emulator::Where::here()) {
  return faltung::emulator::shuffled(faltung::emulator::Shuffle::exclusive_or, mask, value,
                                     lane_mask, width, where);
}

#define FALTUNG_EMULATED_REDUCTION(cuda_name, kind)                                         \
  template <typename T>                                                                     \
  requires(std::is_integral_v<T> && sizeof(T) == 4) T cuda_name(                            \
      unsigned mask, T value,                                                               \
      const faltung::emulator::Where& where = faltung::emulator::Where::here()) {           \
    return static_cast<T>(                                                                  \
        faltung::emulator::reduce(faltung::emulator::Reduction::kind, mask, value, where)); \
  }
FALTUNG_EMULATED_REDUCTION(__reduce_add_sync, add)
FALTUNG_EMULATED_REDUCTION(__reduce_min_sync, min)
FALTUNG_EMULATED_REDUCTION(__reduce_max_sync, max)
FALTUNG_EMULATED_REDUCTION(__reduce_and_sync, bit_and)
FALTUNG_EMULATED_REDUCTION(__reduce_or_sync, bit_or)
FALTUNG_EMULATED_REDUCTION(__reduce_xor_sync, bit_xor)
#undef FALTUNG_EMULATED_REDUCTION

inline void __threadfence() {}
inline void __threadfence_block() {}

template <typename T>
requires std::is_arithmetic_v<T>
constexpr T min(T a, T b) { return b < a ? b : a; }
template <typename T>
requires std::is_arithmetic_v<T>
constexpr T max(T a, T b) { return a < b ? b : a; }

inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __ffs(int bits) { return bits == 0 ? 0 : std::countr_zero(unsigned(bits)) + 1; }
inline int __clz(int bits) { return std::countl_zero(unsigned(bits)); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((std::uint64_t{a} * b) >> 32);
}
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }

#include "tests/emulator/toolkit/cuda_runtime_api.h"
// NOLINTEND
