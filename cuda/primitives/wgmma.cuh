#pragma once

#include <faltung/half.hpp>
#include <type_traits>

#include "cuda/primitives/shared_address.cuh"

/// Matrix instructions of a warpgroup, sm_90a: four consecutive warps, the first a multiple of
/// four, multiply 64 rows by n columns. They run asynchronously:
///
///     wgmma_fence();                      // before the first, and after touching registers
///     wgmma<Half, n>(d, a, b);            // any number of them
///     wgmma_commit();                     // ends a group
///     wgmma_wait<0>();                    // until then d, a and the shared tiles are not ours
///
/// Thread 32 w + 4 g + t of the group holds rows 16 w + g and 16 w + g + 8: d[4 j], d[4 j + 1] are
/// columns 8 j + 2 t and the next of the first, d[4 j + 2], d[4 j + 3] of the second. No engine
/// takes them yet, the tests of the emulator do.
namespace faltung::cuda {

/// Which index runs fastest in shared memory. `mn` (rows of A, columns of B) is for 16-bit types.
enum class Major : int { k = 0, mn = 1 };

/// How 16-byte units are permuted within 128 bytes; the same as the tensor map's.
enum class MatrixSwizzle : std::uint64_t { none = 0, bytes_128 = 1, bytes_64 = 2, bytes_32 = 3 };

/// Where an operand lies in shared memory.
struct MatrixDescriptor {
  std::uint64_t bits;
  /// The same layout, `bytes` further: 2 k elements for the next slice of a K-major tile.
  __device__ __forceinline__ MatrixDescriptor operator+(int bytes) const {
    return {bits + (static_cast<std::uint64_t>(bytes) >> 4)};
  }
};

/// A swizzled K-major tile is rows as long as the swizzle, in groups of eight `stride_bytes` apart
/// (`leading_bytes` unused); it begins at a multiple of eight rows. A swizzled MN-major tile is
/// lines along MN as long as the swizzle, one per k; the next line's worth of MN is `leading_bytes`
/// away, the next eight k `stride_bytes`. Without swizzle the tile is 8 x 16-byte blocks:
/// `stride_bytes` apart along MN and `leading_bytes` along k. Source: PTX manual, wgmma.
template <typename T>
__device__ __forceinline__ MatrixDescriptor matrix_descriptor(Shared<T> tile, MatrixSwizzle swizzle,
                                                              int leading_bytes, int stride_bytes) {
  const std::uint64_t address = shared_address(tile) & 0x3ffffu;
  return {address >> 4 | static_cast<std::uint64_t>(leading_bytes >> 4) << 16 |
          static_cast<std::uint64_t>(stride_bytes >> 4) << 32 |
          static_cast<std::uint64_t>(swizzle) << 62};
}

/// Orders the registers' earlier uses before the wgmma that follow.
__device__ __forceinline__ void wgmma_fence() {
#ifdef FALTUNG_EMULATOR
  emulator::wgmma_fence();
#else
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void wgmma_commit() {
#ifdef FALTUNG_EMULATOR
  emulator::wgmma_commit();
#else
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}

/// Waits until at most the `still_pending` youngest groups are under way.
template <int still_pending>
__device__ __forceinline__ void wgmma_wait() {
#ifdef FALTUNG_EMULATOR
  emulator::wgmma_wait(still_pending);
#else
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(still_pending) : "memory");
#endif
}

/// tf32 in the lists of types below: float data whose low 13 bits are ignored.
struct Tf32 {};

#ifdef FALTUNG_EMULATOR
namespace detail {

template <typename T>
constexpr emulator::MatrixType matrix_type =
    std::is_same_v<T, Half>       ? emulator::MatrixType::f16
    : std::is_same_v<T, BFloat16> ? emulator::MatrixType::bf16
                                  : emulator::MatrixType::tf32;

}  // namespace detail
#else

// PTX wants every register of the accumulator in the text, so each n has its own instruction. What
// follows writes them: the list of registers, their operands, and the numbers of the operands after
// them.
#define FALTUNG_REGISTERS_0 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define FALTUNG_REGISTERS_16 \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define FALTUNG_REGISTERS_32 \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define FALTUNG_REGISTERS_48 \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define FALTUNG_REGISTERS_64 \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79"
#define FALTUNG_REGISTERS_80 \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define FALTUNG_REGISTERS_96 \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111"
#define FALTUNG_REGISTERS_112 \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define FALTUNG_BIND_4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define FALTUNG_BIND_16(i) \
  FALTUNG_BIND_4(i), FALTUNG_BIND_4(i + 4), FALTUNG_BIND_4(i + 8), FALTUNG_BIND_4(i + 12)
#define FALTUNG_LIST_8 "%0, %1, %2, %3"
#define FALTUNG_LIST_16 "%0, %1, %2, %3, %4, %5, %6, %7"
#define FALTUNG_LIST_32 FALTUNG_REGISTERS_0
#define FALTUNG_LIST_64 FALTUNG_LIST_32 ", " FALTUNG_REGISTERS_16
#define FALTUNG_LIST_96 FALTUNG_LIST_64 ", " FALTUNG_REGISTERS_32
#define FALTUNG_LIST_128 FALTUNG_LIST_96 ", " FALTUNG_REGISTERS_48
#define FALTUNG_LIST_160 FALTUNG_LIST_128 ", " FALTUNG_REGISTERS_64
#define FALTUNG_LIST_192 FALTUNG_LIST_160 ", " FALTUNG_REGISTERS_80
#define FALTUNG_LIST_224 FALTUNG_LIST_192 ", " FALTUNG_REGISTERS_96
#define FALTUNG_LIST_256 FALTUNG_LIST_224 ", " FALTUNG_REGISTERS_112
#define FALTUNG_BIND_N8 FALTUNG_BIND_4(0)
#define FALTUNG_BIND_N16 FALTUNG_BIND_4(0), FALTUNG_BIND_4(4)
#define FALTUNG_BIND_N32 FALTUNG_BIND_16(0)
#define FALTUNG_BIND_N64 FALTUNG_BIND_N32, FALTUNG_BIND_16(16)
#define FALTUNG_BIND_N96 FALTUNG_BIND_N64, FALTUNG_BIND_16(32)
#define FALTUNG_BIND_N128 FALTUNG_BIND_N96, FALTUNG_BIND_16(48)
#define FALTUNG_BIND_N160 FALTUNG_BIND_N128, FALTUNG_BIND_16(64)
#define FALTUNG_BIND_N192 FALTUNG_BIND_N160, FALTUNG_BIND_16(80)
#define FALTUNG_BIND_N224 FALTUNG_BIND_N192, FALTUNG_BIND_16(96)
#define FALTUNG_BIND_N256 FALTUNG_BIND_N224, FALTUNG_BIND_16(112)
#define FALTUNG_EACH_N(X)                                        \
  X(8, "%4", "%5", "%6", "%7", "%8", "%9", "%10")                \
  X(16, "%8", "%9", "%10", "%11", "%12", "%13", "%14")           \
  X(32, "%16", "%17", "%18", "%19", "%20", "%21", "%22")         \
  X(64, "%32", "%33", "%34", "%35", "%36", "%37", "%38")         \
  X(96, "%48", "%49", "%50", "%51", "%52", "%53", "%54")         \
  X(128, "%64", "%65", "%66", "%67", "%68", "%69", "%70")        \
  X(160, "%80", "%81", "%82", "%83", "%84", "%85", "%86")        \
  X(192, "%96", "%97", "%98", "%99", "%100", "%101", "%102")     \
  X(224, "%112", "%113", "%114", "%115", "%116", "%117", "%118") \
  X(256, "%128", "%129", "%130", "%131", "%132", "%133", "%134")

#define FALTUNG_WGMMA(n, k, type, a, b, flag, transposed)                                        \
  "{\n.reg .pred accumulate;\nsetp.ne.b32 accumulate, " flag                                     \
  ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n "k" k ".f32." type "." type " {" FALTUNG_LIST_##n \
      "}, " a ", " b ", accumulate, 1, 1" transposed ";\n}"

// Both operands from shared memory.
#define FALTUNG_SHARED_16(type, n_, o0, o1, o2, o3, o4)                              \
  if constexpr (n == n_) {                                                           \
    asm volatile(FALTUNG_WGMMA(n_, "16", type, o0, o1, o2, ", " o3 ", " o4)          \
                 : FALTUNG_BIND_N##n_                                                \
                 : "l"(a.bits), "l"(b.bits), "r"(flag), "n"(major_a), "n"(major_b)); \
  }
#define FALTUNG_SHARED_F16(n, o0, o1, o2, o3, o4, o5, o6) \
  FALTUNG_SHARED_16("f16", n, o0, o1, o2, o3, o4)
#define FALTUNG_SHARED_BF16(n, o0, o1, o2, o3, o4, o5, o6) \
  FALTUNG_SHARED_16("bf16", n, o0, o1, o2, o3, o4)
#define FALTUNG_SHARED_TF32(n_, o0, o1, o2, o3, o4, o5, o6)     \
  if constexpr (n == n_) {                                      \
    asm volatile(FALTUNG_WGMMA(n_, "8", "tf32", o0, o1, o2, "") \
                 : FALTUNG_BIND_N##n_                           \
                 : "l"(a.bits), "l"(b.bits), "r"(flag));        \
  }

// A from registers.
#define FALTUNG_REGISTER_A(o0, o1, o2, o3) "{" o0 ", " o1 ", " o2 ", " o3 "}"
#define FALTUNG_REGISTER_16(type, n_, o0, o1, o2, o3, o4, o5, o6)                            \
  if constexpr (n == n_) {                                                                   \
    asm volatile(                                                                            \
        FALTUNG_WGMMA(n_, "16", type, FALTUNG_REGISTER_A(o0, o1, o2, o3), o4, o5, ", " o6)   \
        : FALTUNG_BIND_N##n_                                                                 \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.bits), "r"(flag), "n"(major_b)); \
  }
#define FALTUNG_REGISTER_F16(n, o0, o1, o2, o3, o4, o5, o6) \
  FALTUNG_REGISTER_16("f16", n, o0, o1, o2, o3, o4, o5, o6)
#define FALTUNG_REGISTER_BF16(n, o0, o1, o2, o3, o4, o5, o6) \
  FALTUNG_REGISTER_16("bf16", n, o0, o1, o2, o3, o4, o5, o6)
#define FALTUNG_REGISTER_TF32(n_, o0, o1, o2, o3, o4, o5, o6)                                   \
  if constexpr (n == n_) {                                                                      \
    asm volatile(FALTUNG_WGMMA(n_, "8", "tf32", FALTUNG_REGISTER_A(o0, o1, o2, o3), o4, o5, "") \
                 : FALTUNG_BIND_N##n_                                                           \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.bits), "r"(flag));         \
  }
#endif

/// The widths n there are instructions for.
template <int n>
inline constexpr bool is_wgmma_width = n == 8 || n == 16 || (n > 0 && n <= 256 && n % 32 == 0);

/// d = a b, plus d if `accumulate`; 64 x n x 16 for Half and BFloat16, x 8 for Tf32.
template <typename T, int n, Major a_major = Major::k, Major b_major = Major::k>
__device__ __forceinline__ void wgmma(float (&d)[n / 2], MatrixDescriptor a, MatrixDescriptor b,
                                      bool accumulate = true) {
  static_assert(is_wgmma_width<n>);
  constexpr int major_a = static_cast<int>(a_major);
  constexpr int major_b = static_cast<int>(b_major);
  static_assert(!std::is_same_v<T, Tf32> || major_a + major_b == 0, "tf32 tiles are K-major");
#ifdef FALTUNG_EMULATOR
  emulator::wgmma({.type = detail::matrix_type<T>,
                   .n = n,
                   .a = a.bits,
                   .b = b.bits,
                   .a_mn_major = major_a != 0,
                   .b_mn_major = major_b != 0,
                   .accumulate = accumulate},
                  d, nullptr);
#else
  const int flag = accumulate;
  if constexpr (std::is_same_v<T, Half>) {
    FALTUNG_EACH_N(FALTUNG_SHARED_F16)
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    FALTUNG_EACH_N(FALTUNG_SHARED_BF16)
  } else {
    FALTUNG_EACH_N(FALTUNG_SHARED_TF32)
  }
#endif
}

/// The same with A in registers, as mma.cuh lays out 16 rows per warp.
template <typename T, int n, Major b_major = Major::k>
__device__ __forceinline__ void wgmma(float (&d)[n / 2], const std::uint32_t (&a)[4],
                                      MatrixDescriptor b, bool accumulate = true) {
  static_assert(is_wgmma_width<n>);
  constexpr int major_b = static_cast<int>(b_major);
  static_assert(!std::is_same_v<T, Tf32> || major_b == 0, "tf32 tiles are K-major");
#ifdef FALTUNG_EMULATOR
  emulator::wgmma({.type = detail::matrix_type<T>,
                   .n = n,
                   .b = b.bits,
                   .b_mn_major = major_b != 0,
                   .a_in_registers = true,
                   .accumulate = accumulate},
                  d, a);
#else
  const int flag = accumulate;
  if constexpr (std::is_same_v<T, Half>) {
    FALTUNG_EACH_N(FALTUNG_REGISTER_F16)
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    FALTUNG_EACH_N(FALTUNG_REGISTER_BF16)
  } else {
    FALTUNG_EACH_N(FALTUNG_REGISTER_TF32)
  }
#endif
}

}  // namespace faltung::cuda
