#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "tests/emulator/toolkit/device_api.hpp"

// The pointers of cuda/primitives/memory.cuh, for the emulator: same names, same use.
namespace faltung::cuda {

enum class Space : unsigned char { global, shared };

// Inlined even without optimisation: the address that the checks return to names the instruction.
#define FALTUNG_INSTRUCTION [[gnu::always_inline]] inline

template <Space space>
FALTUNG_INSTRUCTION void check_access(emulator::Access kind, const void* address, unsigned bytes,
                                      const emulator::Bounds& bounds) {
  if constexpr (space == Space::global) {
    emulator::access_global(kind, address, bytes);
  } else {
    emulator::access_shared(kind, address, bytes, bounds);
  }
}

template <typename T, Space space, bool read_only = false>
FALTUNG_INSTRUCTION T checked_load(const T* address, const emulator::Bounds& bounds) {
  if constexpr (read_only && space == Space::global) emulator::note_read_only(address, sizeof(T));
  // A type with less alignment than size is loaded in pieces, as nvcc does it.
  for (std::size_t at = 0; at < sizeof(T); at += alignof(T)) {
    check_access<space>(emulator::Access::read, reinterpret_cast<const std::byte*>(address) + at,
                        alignof(T), bounds);
  }
  return *address;
}
template <typename T, Space space>
FALTUNG_INSTRUCTION void checked_store(T* address, const T& value, const emulator::Bounds& bounds) {
  for (std::size_t at = 0; at < sizeof(T); at += alignof(T)) {
    check_access<space>(emulator::Access::write, reinterpret_cast<std::byte*>(address) + at,
                        alignof(T), bounds);
  }
  *address = value;
}

/// What `pointer[i]` gives where a GPU has T&. It must be read or assigned at once: `auto v = p[i]`
/// compiles, but using v does not.
template <typename T, Space space>
class Element {
 public:
  Element(T* address, const emulator::Bounds& bounds) : address_(address), bounds_(bounds) {}
  Element(const Element&) = delete;

  FALTUNG_INSTRUCTION operator T() && { return checked_load<T, space>(address_, bounds_); }
  FALTUNG_INSTRUCTION T operator=(const T& value) && {
    checked_store<T, space>(address_, value, bounds_);
    return value;
  }
  FALTUNG_INSTRUCTION T operator=(Element&& other) && {
    const T value = std::move(other);
    checked_store<T, space>(address_, value, bounds_);
    return value;
  }
  FALTUNG_INSTRUCTION T operator+=(const T& value) && {
    return update(static_cast<T>(load() + value));
  }
  FALTUNG_INSTRUCTION T operator-=(const T& value) && {
    return update(static_cast<T>(load() - value));
  }
  FALTUNG_INSTRUCTION T operator*=(const T& value) && {
    return update(static_cast<T>(load() * value));
  }

 private:
  FALTUNG_INSTRUCTION T load() { return checked_load<T, space>(address_, bounds_); }
  FALTUNG_INSTRUCTION T update(const T& value) {
    checked_store<T, space>(address_, value, bounds_);
    return value;
  }
  T* address_;
  emulator::Bounds bounds_;
};

template <typename T, Space space>
class Pointer {
 public:
  using Value = std::remove_const_t<T>;
  using Index = std::conditional_t<space == Space::global, std::ptrdiff_t, int>;

  Pointer() = default;
  explicit Pointer(T* data, const emulator::Bounds& bounds = {}) : data_(data), bounds_(bounds) {}
  template <typename U>
  requires std::is_convertible_v<U (*)[], T (*)[]> Pointer(const Pointer<U, space>& other)
      : data_(other.data()), bounds_(other.bounds()) {}

  FALTUNG_INSTRUCTION auto operator[](Index i) const {
    if constexpr (std::is_const_v<T>) {
      return checked_load<Value, space, true>(data_ + i, bounds_);
    } else {
      return Element<T, space>(data_ + i, bounds_);
    }
  }
  template <int count>
  FALTUNG_INSTRUCTION Vec<Value, count> load(Index i) const {
    Vec<Value, count> vec;
    if constexpr (std::is_const_v<T> && space == Space::global) {
      emulator::note_read_only(data_ + i, sizeof vec);
    }
    check_access<space>(emulator::Access::read, data_ + i, sizeof vec, bounds_);
    std::memcpy(static_cast<void*>(&vec), data_ + i, sizeof vec);
    return vec;
  }
  template <int count>
  FALTUNG_INSTRUCTION void store(Index i, const Vec<Value, count>& vec) const {
    check_access<space>(emulator::Access::write, data_ + i, sizeof vec, bounds_);
    std::memcpy(static_cast<void*>(data_ + i), &vec, sizeof vec);
  }
  FALTUNG_INSTRUCTION Value atomic_add(Index i, Value value) const {
    return atomic(i, [&](Value old) { return static_cast<Value>(old + value); });
  }
  FALTUNG_INSTRUCTION Value atomic_max(Index i, Value value) const {
    return atomic(i, [&](Value old) { return std::max(old, value); });
  }

  Pointer operator+(Index i) const { return Pointer(data_ + i, bounds_); }
  T* data() const { return data_; }
  const emulator::Bounds& bounds() const { return bounds_; }
  template <typename U>
  Pointer<U, space> as() const {
    return Pointer<U, space>(reinterpret_cast<U*>(data_), bounds_);
  }

 private:
  template <typename Update>
  FALTUNG_INSTRUCTION Value atomic(Index i, Update update) const {
    check_access<space>(emulator::Access::atomic, data_ + i, sizeof(T), bounds_);
    const Value old = data_[i];
    data_[i] = update(old);
    return old;
  }

  T* data_ = nullptr;
  emulator::Bounds bounds_;
};

template <typename T>
using Global = Pointer<T, Space::global>;
template <typename T>
using Shared = Pointer<T, Space::shared>;

class SharedMemory {
 public:
  template <typename T, int alignment = 16>
  Shared<T> take(int count) {
    const int begin = (used_ + alignment - 1) / alignment * alignment;
    used_ = begin + count * static_cast<int>(sizeof(T));
    const emulator::Bounds bounds = emulator::dynamic_shared(
        static_cast<std::size_t>(begin), static_cast<std::size_t>(used_ - begin));
    return Shared<T>(reinterpret_cast<T*>(bounds.begin), bounds);
  }

 private:
  int used_ = 0;
};

template <typename T>
Shared<T> static_shared_array(const void* key, std::size_t count) {
  const emulator::Bounds bounds = emulator::static_shared(key, count * sizeof(T), 16);
  return Shared<T>(reinterpret_cast<T*>(bounds.begin), bounds);
}

#define FALTUNG_SHARED(T, name, count) \
  static char faltung_key_##name;      \
  const auto name = ::faltung::cuda::static_shared_array<T>(&faltung_key_##name, count)

}  // namespace faltung::cuda
