#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

/// How kernels reach memory: `Global<T>` and `Shared<T>` are pointers that know where they point.
/// On a GPU they compile to the same instructions as raw pointers. Under tests/emulator every
/// access through them is checked and counted, which is why kernels use no raw pointers.
///
///     float value = x[i];                 // one element; a const Global reads through __ldg
///     Vec<float, 4> row = x.load<4>(i);   // one 16-byte access; i is still in elements
///     tile[j] = value;                    // store
///     sums.atomic_add(k, value);
namespace faltung::cuda {

/// `count` elements that move in one access of 2, 4, 8 or 16 bytes, aligned to its size.
template <typename T, int count>
struct alignas(sizeof(T) * count) Vec {
  static_assert(sizeof(T) * count <= 16);
  T value[count];
  __host__ __device__ T& operator[](int i) { return value[i]; }
  __host__ __device__ const T& operator[](int i) const { return value[i]; }
};

}  // namespace faltung::cuda

#ifdef FALTUNG_EMULATOR
#include "tests/emulator/toolkit/checked_pointer.hpp"
#else

namespace faltung::cuda {

namespace detail {

template <std::size_t bytes>
struct WordOf;
template <>
struct WordOf<1> {
  using type = unsigned char;
};
template <>
struct WordOf<2> {
  using type = unsigned short;
};
template <>
struct WordOf<4> {
  using type = unsigned;
};
template <>
struct WordOf<8> {
  using type = uint2;
};
template <>
struct WordOf<16> {
  using type = uint4;
};

/// Loads through the read-only path, whatever the type. nvcc unrolls loops around it only where a
/// #pragma unroll says so, as it does with __ldg on raw pointers.
template <typename T>
__device__ __forceinline__ T load_read_only(const T* address) {
  if constexpr (alignof(T) == sizeof(T) && sizeof(T) <= 16) {
    using Word = typename WordOf<sizeof(T)>::type;
    return __builtin_bit_cast(T, __ldg(reinterpret_cast<const Word*>(address)));
  } else {
    return *address;
  }
}

}  // namespace detail

enum class Space : unsigned char { global, shared };

/// A pointer to elements of one space. `Index` is 64-bit for global memory and 32-bit for shared.
template <typename T, Space space>
class Pointer {
 public:
  using Value = std::remove_const_t<T>;
  using Index = std::conditional_t<space == Space::global, std::ptrdiff_t, int>;
  /// A const global element may come from the read-only cache, which has no address.
  static constexpr bool read_only = space == Space::global && std::is_const_v<T>;

  Pointer() = default;
  __host__ __device__ explicit Pointer(T* data) : data_(data) {}
  template <typename U>
  requires std::is_convertible_v<U (*)[], T (*)[]> __host__ __device__
  Pointer(const Pointer<U, space>& other)
      : data_(other.data()) {}

  __device__ __forceinline__ std::conditional_t<read_only, Value, T&> operator[](Index i) const {
    if constexpr (read_only) {
      return detail::load_read_only(data_ + i);
    } else {
      return data_[i];
    }
  }
  template <int count>
  __device__ __forceinline__ Vec<Value, count> load(Index i) const {
    const auto* address = reinterpret_cast<const Vec<Value, count>*>(data_ + i);
    if constexpr (read_only) {
      return detail::load_read_only(address);
    } else {
      return *address;
    }
  }
  template <int count>
  __device__ __forceinline__ void store(Index i, const Vec<Value, count>& vec) const {
    *reinterpret_cast<Vec<Value, count>*>(data_ + i) = vec;
  }
  __device__ __forceinline__ Value atomic_add(Index i, Value value) const {
    return atomicAdd(data_ + i, value);
  }
  __device__ __forceinline__ Value atomic_max(Index i, Value value) const {
    return atomicMax(data_ + i, value);
  }

  __host__ __device__ Pointer operator+(Index i) const { return Pointer(data_ + i); }
  __host__ __device__ T* data() const { return data_; }

  /// The same memory as elements of another type.
  template <typename U>
  __device__ Pointer<U, space> as() const {
    return Pointer<U, space>(reinterpret_cast<U*>(data_));
  }

 private:
  T* data_ = nullptr;
};

template <typename T>
using Global = Pointer<T, Space::global>;
template <typename T>
using Shared = Pointer<T, Space::shared>;

/// The block's dynamic shared memory, handed out front to back. The host adds up the same sizes.
class SharedMemory {
 public:
  /// The next `count` elements, aligned for vectors and bulk copies. The static part of a block is
  /// padded to the alignment, so that more than 128 is for tiles that are swizzled alone.
  template <typename T, int alignment = 16>
  __device__ __forceinline__ Shared<T> take(int count) {
    const int begin = (used_ + alignment - 1) / alignment * alignment;
    used_ = begin + count * static_cast<int>(sizeof(T));
    if constexpr (alignment <= 128) {
      extern __shared__ __align__(128) unsigned char faltung_dynamic_shared[];
      return Shared<T>(reinterpret_cast<T*>(faltung_dynamic_shared + begin));
    } else {  // dynamic arrays of all names begin at the same address
      extern __shared__ __align__(1024) unsigned char faltung_swizzled_shared[];
      return Shared<T>(reinterpret_cast<T*>(faltung_swizzled_shared + begin));
    }
  }

 private:
  int used_ = 0;
};

/// Declares `name`, a Shared<T> of `count` elements in static shared memory.
#define FALTUNG_SHARED(T, name, count)                  \
  __shared__ alignas(16) T faltung_array_##name[count]; \
  const ::faltung::cuda::Shared<T> name(faltung_array_##name)

}  // namespace faltung::cuda

#endif
