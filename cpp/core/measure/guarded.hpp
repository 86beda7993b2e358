#pragma once

#include <cstddef>
#include <string>

#include <faltung/device.hpp>
#include <faltung/tensor.hpp>

namespace faltung::measuring {

/// Memory of a device between two zones that nobody may write to.
class Guarded {
 public:
  /// @throws DeviceError if there is no memory
  Guarded(std::size_t bytes, const Device& device);

  [[nodiscard]] std::byte* data();  ///< aligned to memory_alignment
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Everything becomes a byte that makes NaN of floating numbers; waits.
  void poison();
  void write(const void* source);            ///< from the CPU, all bytes; waits
  [[nodiscard]] Tensor read() const;         ///< onto the CPU, u8; waits
  [[nodiscard]] std::string damage() const;  ///< of the zones; empty if there is none

 private:
  std::size_t bytes_;
  Tensor memory_;
};

inline constexpr unsigned char poison_byte = 0xff;

}  // namespace faltung::measuring
