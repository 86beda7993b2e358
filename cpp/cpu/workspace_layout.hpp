#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <faltung/allocator.hpp>

namespace faltung {

/// Places arrays one behind the other in a workspace, each aligned as the workspace is.
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
