#pragma once

#include <faltung/half.hpp>
#include <type_traits>

#include "cuda/primitives/shared_address.cuh"

/// Matrix instructions of one warp, sm_80, and the moves of their operands from and to shared
/// memory. All lanes execute them together. With g = lane / 4 and t = lane % 4, elements of 16-bit
/// types lie in the fragments so (other widths in proportion):
///
///     A 16 x 16   a[0]: row g, columns 2t, 2t+1   a[1]: row g+8   a[2], a[3]: columns 8 further
///     B 16 x 8    b[0]: rows 2t, 2t+1, column g   b[1]: rows 8 further
///     D 16 x 8    d[0], d[1]: row g, columns 2t, 2t+1   d[2], d[3]: row g+8
namespace faltung::cuda {

/// Loads `count` (1, 2, 4) matrices of 8 x 8 16-bit elements into fragments: lane 8i + r passes the
/// address of row r of matrix i, 16 bytes aligned to 16. `transpose` exchanges rows and columns.
template <int count, bool transpose = false, typename T>
__device__ __forceinline__ void load_matrix(std::uint32_t (&fragment)[count], Shared<T> row) {
  static_assert(count == 1 || count == 2 || count == 4);
#ifdef FALTUNG_EMULATOR
  emulator::load_matrix(fragment, count, transpose, row.data(), row.bounds());
#else
#define FALTUNG_LDMATRIX(form, registers, ...)                                         \
  asm volatile("ldmatrix.sync.aligned.m8n8." form ".shared.b16 " registers:__VA_ARGS__ \
               : "r"(shared_address(row))                                              \
               : "memory")
  std::uint32_t(&f)[count] = fragment;
  if constexpr (count == 1 && !transpose) FALTUNG_LDMATRIX("x1", "{%0}, [%1];", "=r"(f[0]));
  if constexpr (count == 1 && transpose) FALTUNG_LDMATRIX("x1.trans", "{%0}, [%1];", "=r"(f[0]));
  if constexpr (count == 2 && !transpose) {
    FALTUNG_LDMATRIX("x2", "{%0, %1}, [%2];", "=r"(f[0]), "=r"(f[1]));
  }
  if constexpr (count == 2 && transpose) {
    FALTUNG_LDMATRIX("x2.trans", "{%0, %1}, [%2];", "=r"(f[0]), "=r"(f[1]));
  }
  if constexpr (count == 4 && !transpose) {
    FALTUNG_LDMATRIX("x4", "{%0, %1, %2, %3}, [%4];", "=r"(f[0]), "=r"(f[1]), "=r"(f[2]),
                     "=r"(f[3]));
  }
  if constexpr (count == 4 && transpose) {
    FALTUNG_LDMATRIX("x4.trans", "{%0, %1, %2, %3}, [%4];", "=r"(f[0]), "=r"(f[1]), "=r"(f[2]),
                     "=r"(f[3]));
  }
#undef FALTUNG_LDMATRIX
#endif
}

/// The way back; sm_90.
template <int count, bool transpose = false, typename T>
__device__ __forceinline__ void store_matrix(Shared<T> row,
                                             const std::uint32_t (&fragment)[count]) {
  static_assert(count == 1 || count == 2 || count == 4);
#ifdef FALTUNG_EMULATOR
  emulator::store_matrix(fragment, count, transpose, row.data(), row.bounds());
#else
#define FALTUNG_STMATRIX(form, registers, ...)                                   \
  asm volatile("stmatrix.sync.aligned.m8n8." form ".shared.b16 [%0], " registers \
               ";" ::"r"(shared_address(row)),                                   \
               __VA_ARGS__                                                       \
               : "memory")
  const std::uint32_t(&f)[count] = fragment;
  if constexpr (count == 1 && !transpose) FALTUNG_STMATRIX("x1", "{%1}", "r"(f[0]));
  if constexpr (count == 1 && transpose) FALTUNG_STMATRIX("x1.trans", "{%1}", "r"(f[0]));
  if constexpr (count == 2 && !transpose) {
    FALTUNG_STMATRIX("x2", "{%1, %2}", "r"(f[0]), "r"(f[1]));
  }
  if constexpr (count == 2 && transpose) {
    FALTUNG_STMATRIX("x2.trans", "{%1, %2}", "r"(f[0]), "r"(f[1]));
  }
  if constexpr (count == 4 && !transpose) {
    FALTUNG_STMATRIX("x4", "{%1, %2, %3, %4}", "r"(f[0]), "r"(f[1]), "r"(f[2]), "r"(f[3]));
  }
  if constexpr (count == 4 && transpose) {
    FALTUNG_STMATRIX("x4.trans", "{%1, %2, %3, %4}", "r"(f[0]), "r"(f[1]), "r"(f[2]), "r"(f[3]));
  }
#undef FALTUNG_STMATRIX
#endif
}

/// d += a b, 16 x 8 x 16, for Half or BFloat16 with sums in float.
template <typename T>
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4],
                                             const std::uint32_t (&b)[2]) {
  static_assert(std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>);
#ifdef FALTUNG_EMULATOR
  constexpr auto type =
      std::is_same_v<T, Half> ? emulator::MatrixType::f16 : emulator::MatrixType::bf16;
  emulator::mma(type, type, d, a, b);
#else
#define FALTUNG_MMA(shape, types, constraint)                                      \
  asm volatile("mma.sync.aligned." shape ".row.col." types                         \
               " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"  \
               : "+" constraint(d[0]), "+" constraint(d[1]), "+" constraint(d[2]), \
                 "+" constraint(d[3])                                              \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
  if constexpr (std::is_same_v<T, Half>) {
    FALTUNG_MMA("m16n8k16", "f32.f16.f16.f32", "f");
  } else {
    FALTUNG_MMA("m16n8k16", "f32.bf16.bf16.f32", "f");
  }
#endif
}

/// d += a b, 16 x 8 x 8, of tf32 values as to_tf32() gives them. With columns and rows t and t + 4.
__device__ __forceinline__ void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                                                 const std::uint32_t (&b)[2]) {
#ifdef FALTUNG_EMULATOR
  emulator::mma(emulator::MatrixType::tf32, emulator::MatrixType::tf32, d, a, b);
#else
  FALTUNG_MMA("m16n8k8", "f32.tf32.tf32.f32", "f");
#endif
}

/// d += a b, 16 x 8 x 32, of std::int8_t or std::uint8_t, four to a register; sums wrap.
template <typename A, typename B>
__device__ __forceinline__ void mma_m16n8k32(int (&d)[4], const std::uint32_t (&a)[4],
                                             const std::uint32_t (&b)[2]) {
  static_assert(sizeof(A) == 1 && sizeof(B) == 1);
#ifdef FALTUNG_EMULATOR
  emulator::mma(std::is_signed_v<A> ? emulator::MatrixType::s8 : emulator::MatrixType::u8,
                std::is_signed_v<B> ? emulator::MatrixType::s8 : emulator::MatrixType::u8, d, a, b);
#else
  if constexpr (std::is_signed_v<A> && std::is_signed_v<B>) {
    FALTUNG_MMA("m16n8k32", "s32.s8.s8.s32", "r");
  } else if constexpr (std::is_signed_v<A>) {
    FALTUNG_MMA("m16n8k32", "s32.s8.u8.s32", "r");
  } else if constexpr (std::is_signed_v<B>) {
    FALTUNG_MMA("m16n8k32", "s32.u8.s8.s32", "r");
  } else {
    FALTUNG_MMA("m16n8k32", "s32.u8.u8.s32", "r");
  }
#undef FALTUNG_MMA
#endif
}

/// d += a b, 8 x 8 x 4: a is row g, column t; b is row t, column g; d is row g, columns 2t, 2t+1.
__device__ __forceinline__ void mma_m8n8k4_f64(double (&d)[2], double a, double b) {
#ifdef FALTUNG_EMULATOR
  emulator::mma(emulator::MatrixType::f64, emulator::MatrixType::f64, d, &a, &b);
#else
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
               : "+d"(d[0]), "+d"(d[1])
               : "d"(a), "d"(b));
#endif
}

}  // namespace faltung::cuda
