#pragma once

#include <cstddef>

namespace faltung::emulator {

/// Bytes of a device that are taken, and were at most since the last `reset_peak_memory`.
struct MemoryUse {
  std::size_t now = 0;
  std::size_t peak = 0;
};
[[nodiscard]] MemoryUse memory_use(int device);
void reset_peak_memory();

/// What each device has; those of the records have 141 GiB.
void set_memory_bytes(std::size_t bytes);
inline constexpr std::size_t default_memory_bytes = std::size_t{141} << 30;

}  // namespace faltung::emulator
