#pragma once

#include <array>
#include <cstddef>

#include "cpp/core/streamed/pieces.hpp"

namespace faltung::streamed {

/// Places for data of one kind in a device's memory, which pieces take in turn.
struct Slots {
  std::size_t bytes = 0;   ///< of each
  std::size_t count = 0;   ///< 1 if all pieces have the same data, else `ring`
  std::size_t offset = 0;  ///< of the first
  [[nodiscard]] std::size_t end() const { return offset + bytes * count; }
};

/// How many pieces are under way at once. Two are enough for copies in, kernels and copies out to
/// take turns without waiting but for the slowest: a place is free again when the piece after the
/// next wants it, which is two of the longest steps later, and filling it and using it takes no
/// more than two.
inline constexpr std::size_t ring = 2;

/// Where everything lies in one allocation of a device.
struct Footprint {
  std::array<Slots, 2> operands;  ///< in the order of the pass
  Slots results;
  std::size_t bias_offset = 0;
  std::size_t workspace_offset = 0;  ///< also the bytes of all but the workspace
  /// Of memory for copies of the host that are not done directly, in each direction.
  std::size_t largest_copy = 0;
};

[[nodiscard]] Footprint footprint(const Problem& problem, const Pieces& pieces);

}  // namespace faltung::streamed
