#pragma once

#include <cstddef>
#include <cstdint>

struct CUstream_st;

/// Launches that nobody on the host has waited for. They have run here, on a GPU they may not: what
/// they wrote is for work that comes after them in stream order alone.
namespace faltung::emulator {

/// Where a piece of work is put. `blocks`: on the null stream, or on one that waits for it.
struct Queue {
  int device;
  CUstream_st* stream;
  bool blocks;

  /// Whether work here begins after all earlier work of `other`.
  [[nodiscard]] bool follows(const Queue& other) const {
    return device == other.device && (stream == other.stream || (blocks && other.blocks));
  }
};

void note_launch(std::uint32_t launch, const Queue& queue);
/// The host has waited for what `queue` follows; or for a whole device.
void end_launches(const Queue& queue);
void end_launches(int device);

/// Whether some launch may still run beside work of `queue`.
[[nodiscard]] bool has_launches_beside(const Queue& queue);
/// @throws Violation unfinished_kernel if one of them wrote one of these bytes
void check_results(const void* address, std::size_t bytes, const Queue& queue, const char* what);

}  // namespace faltung::emulator
