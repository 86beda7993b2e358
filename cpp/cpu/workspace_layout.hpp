#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include <faltung/allocator.hpp>

namespace faltung {

/// A number of elements, or so many that no WorkspaceLayout holds them.
constexpr std::int64_t count_of(std::initializer_list<std::int64_t> factors) {
  std::int64_t count = 1;
  for (const std::int64_t factor : factors) {
    if (__builtin_mul_overflow(count, factor, &count)) {
      return std::numeric_limits<std::int64_t>::max();
    }
  }
  return count;
}

/// Places arrays one after the other in a workspace, each aligned as the workspace is.
class WorkspaceLayout {
 public:
  /// Reserves `count` elements and returns where they start, in bytes.
  template <typename T>
  std::size_t add(std::int64_t count) {
    const std::size_t start = bytes_;
    std::size_t size = 0;
    if (__builtin_mul_overflow(static_cast<std::size_t>(count), sizeof(T), &size) ||
        size > max_bytes - bytes_) {
      bytes_ = max_bytes;
    } else {
      bytes_ += (size + memory_alignment - 1) / memory_alignment * memory_alignment;
    }
    return start;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  /// More than any address space offers: a sum that would overflow asks for memory nobody has.
  static constexpr std::size_t max_bytes = std::size_t{1} << 62;
  std::size_t bytes_ = 0;
};

template <typename T>
T* at(std::byte* workspace, std::size_t start) {
  return reinterpret_cast<T*>(workspace + start);
}

}  // namespace faltung
