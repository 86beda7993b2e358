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

/// Where an array of T lies in every workspace of a layout.
template <typename T>
class Piece {
 public:
  Piece() = default;
  [[nodiscard]] T* at(std::byte* workspace) const {
    return reinterpret_cast<T*>(workspace + start_);
  }

 private:
  friend class WorkspaceLayout;
  explicit Piece(std::size_t start) : start_(start) {}

  std::size_t start_ = 0;
};

/// Places arrays one after the other in a workspace, each aligned as the workspace is.
class WorkspaceLayout {
 public:
  /// Reserves `count` elements.
  template <typename T>
  Piece<T> add(std::int64_t count) {
    const Piece<T> piece(bytes_);
    std::size_t size = 0;
    if (__builtin_mul_overflow(static_cast<std::size_t>(count), sizeof(T), &size) ||
        size > max_bytes - bytes_) {
      bytes_ = max_bytes;
    } else {
      bytes_ += (size + memory_alignment - 1) / memory_alignment * memory_alignment;
    }
    return piece;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  /// More than any address space offers: a sum that would overflow asks for memory nobody has.
  static constexpr std::size_t max_bytes = std::size_t{1} << 62;

  std::size_t bytes_ = 0;
};

/// A workspace with pieces that all threads share and, behind them, a slot for each thread with
/// pieces of its own.
struct SlotLayout {
  WorkspaceLayout shared, slot;
  int slots = 1;

  [[nodiscard]] std::size_t bytes() const {
    WorkspaceLayout all = shared;
    all.add<std::byte>(count_of({static_cast<std::int64_t>(slot.bytes()), slots}));
    return all.bytes();
  }
  /// The workspace of one slot: where the pieces of `slot` are.
  [[nodiscard]] std::byte* at(std::byte* workspace, int index) const {
    return workspace + shared.bytes() + static_cast<std::size_t>(index) * slot.bytes();
  }
};

}  // namespace faltung
