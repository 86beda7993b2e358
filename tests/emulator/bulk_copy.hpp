#pragma once

#include <cstddef>
#include <vector>

namespace faltung::emulator {

struct Thread;

/// A part of a bulk copy: bytes that lie next to each other in both memories.
struct Piece {
  std::size_t offset = 0;  ///< from the beginning of the tile in shared memory
  std::byte* global = nullptr;
  std::size_t bytes = 0;
};

/// A store that has been issued. It reads shared memory when the thread waits for that, and writes
/// global memory when the thread waits for that or the block ends.
struct BulkStore {
  std::vector<Piece> pieces;
  std::byte* shared = nullptr;
  std::size_t bytes = 0;
  std::vector<std::byte> data;  ///< what was read
};

/// The stores of one thread.
struct StoreQueue {
  struct Group {
    std::vector<BulkStore> stores;
    bool has_read = false;
  };
  std::vector<BulkStore> uncommitted;
  std::vector<Group> groups;  ///< oldest first

  [[nodiscard]] bool untouched() const { return uncommitted.empty() && groups.empty(); }
};

/// A thread exits: its stores must have read what they store, and now they are finished.
/// @throws Violation copy_left_in_flight
void finish_stores(Thread& thread);

}  // namespace faltung::emulator
