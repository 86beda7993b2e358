#pragma once

#include <cstddef>

#include <faltung/device.hpp>
#include <faltung/export.hpp>

namespace faltung {

/// Where temporary memory comes from: plain functions, so that any pool can stand behind them.
///
/// `allocate` returns memory usable in stream order, or null if there is none; `deallocate` may be
/// called before the work in the stream has finished. Both must be safe from several threads. As an
/// option, `{}` means the standard one of the device.
struct Allocator {
  void* context = nullptr;  ///< passed to both functions as it is
  /// @return memory aligned to `alignment` and usable in the order of `stream`, or null
  void* (*allocate)(void* context, std::size_t bytes, std::size_t alignment,
                    const Stream& stream) = nullptr;
  /// Takes back what `allocate` returned, with the same numbers and the same stream.
  void (*deallocate)(void* context, void* data, std::size_t bytes, std::size_t alignment,
                     const Stream& stream) = nullptr;

  /// Aligned operator new on the CPU; a pool that keeps 1/16 of the memory on a CUDA device.
  [[nodiscard]] FALTUNG_API static Allocator standard(const Device& device);
};

/// Alignment of every workspace and every Tensor, in bytes.
inline constexpr std::size_t memory_alignment = 256;

/// Scratch memory the caller lends to one `Plan::run`. Aligned to 256 bytes.
struct Workspace {
  void* data = nullptr;   ///< on the device of the plan, aligned to memory_alignment
  std::size_t bytes = 0;  ///< at least Plan::workspace_bytes()
};

}  // namespace faltung
