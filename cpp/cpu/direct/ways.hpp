#pragma once

#include <span>

#include "cpp/core/way.hpp"

namespace faltung::direct {

/// Whether a way keeps the order of cpp/core/order.hpp where a problem needs it.
enum class KeepsOrder : std::uint8_t {
  never,
  if_fused,  ///< where the instruction set in use fuses products and sums
  always
};

/// A way of cpu.direct, for a lowered problem. `us` is the time of one thread: what is chosen, and
/// so every bit, must not depend on how many there are.
struct DirectWay : Way<Problem> {
  bool shares = true;  ///< its work among threads
  KeepsOrder order = KeepsOrder::never;
};

/// All of them, as docs/engines/cpu-direct.md lists them.
[[nodiscard]] std::span<const DirectWay> ways();

/// Those that do a problem as a whole: all but `pieces` and `in_result`, which do it by these.
[[nodiscard]] std::span<const DirectWay> ways_with_workspace();

/// The way that runs a lowered problem, `wanted` or any; null, with the reason, if there is none.
[[nodiscard]] const DirectWay* choose_direct_way(const Problem& p, std::string_view wanted,
                                                 std::string& refusal);

/// The way with vector kernels that takes a forward problem; null if there is none.
[[nodiscard]] const DirectWay* forward_way(const Problem& p);

}  // namespace faltung::direct
