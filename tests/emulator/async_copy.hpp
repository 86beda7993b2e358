#pragma once

#include <cstddef>
#include <vector>

#include "tests/emulator/toolkit/device_api.hpp"

namespace faltung::emulator {

struct Thread;

/// One cp.async: 4, 8 or 16 bytes of shared memory, of which the first `source_bytes` come from
/// global memory and the rest are zero.
struct PendingCopy {
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  unsigned bytes = 0;
  unsigned source_bytes = 0;
};

/// The copies of one thread that have not landed. They land when the thread waits for them and no
/// sooner, which is the last moment a program may count on.
struct CopyQueue {
  std::vector<PendingCopy> uncommitted;
  std::vector<std::vector<PendingCopy>> groups;  ///< oldest first

  [[nodiscard]] bool untouched() const { return uncommitted.empty() && groups.empty(); }
};

/// Whether a copy that no group holds will write this byte of the cluster's shared memory.
[[nodiscard]] bool is_uncommitted_destination(std::size_t shared_offset);

/// What a thread must have waited for before it exits.
void finish_copies(const Thread& thread);

}  // namespace faltung::emulator
