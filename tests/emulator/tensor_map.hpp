#pragma once

#include <cuda.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "tests/emulator/toolkit/device_api.hpp"

namespace faltung::emulator {

/// What the emulator keeps in the 128 bytes of a CUtensorMap. Axes are innermost first.
struct EncodedMap {
  std::uint32_t magic;
  std::uint8_t rank;
  std::uint8_t element_bytes;
  std::uint8_t swizzle_bytes;  ///< 0, 32, 64 or 128
  bool fill_nan;
  bool im2col;
  std::array<std::uint8_t, 5> step;
  std::byte* data;
  std::array<std::uint32_t, 5> last;   ///< extent - 1
  std::array<std::uint64_t, 4> pitch;  ///< bytes along axes 1 and up
  std::array<std::uint16_t, 5> box;    ///< tiled: elements taken; im2col: channels, pixels
  std::array<std::int16_t, 3> lower, upper;
};
static_assert(sizeof(EncodedMap) <= sizeof(CUtensorMap));

/// A row of a box: elements that lie next to each other in both memories.
struct BoxRow {
  std::size_t shared_offset = 0;  ///< before the swizzle
  std::byte* global = nullptr;    ///< of the first element inside the tensor
  std::size_t skipped = 0;        ///< bytes before it that are outside
  std::size_t bytes = 0;          ///< inside; the rest of the row is outside too
};

/// The map behind a kernel's parameter.
/// @throws Violation invalid_tensor_copy if it was not made by cuTensorMapEncode*.
EncodedMap decode(const TensorTransfer& transfer, const Where& where);

/// Bytes of a whole box, what is outside the tensor included, and of one of its rows.
[[nodiscard]] std::size_t box_bytes(const EncodedMap& map);
[[nodiscard]] std::size_t row_bytes(const EncodedMap& map);

/// Visits the rows of the box in the order in which they lie in shared memory.
void each_row(const EncodedMap& map, const TensorTransfer& transfer,
              const std::function<void(const BoxRow&)>& visit);

/// Where a byte of a swizzled tile lies: bits 4 to 6 of the address are exclusive-ored with as many
/// bits from 7 up as the swizzle is wide. Addresses are the 32-bit ones of shared memory.
[[nodiscard]] constexpr std::uint32_t swizzled(std::uint32_t address, unsigned swizzle_bytes) {
  const unsigned mask = swizzle_bytes == 0 ? 0 : swizzle_bytes / 16 - 1;
  return address ^ ((address >> 7 & mask) << 4);
}

}  // namespace faltung::emulator
