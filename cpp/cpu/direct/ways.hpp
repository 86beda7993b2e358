#pragma once

#include <span>

#include "cpp/core/way.hpp"

namespace faltung::direct {

/// A way of cpu.direct, for a lowered problem. `us` is the time of one thread: what is chosen, and
/// so every bit, must not depend on how many there are.
struct DirectWay : Way<Problem> {
  bool shares = true;  ///< its work among threads
};

/// All of them, as docs/engines/cpu-direct.md lists them.
[[nodiscard]] std::span<const DirectWay> ways();

/// The way with vector kernels that takes a forward problem; null if there is none.
[[nodiscard]] const DirectWay* forward_way(const Problem& p);

}  // namespace faltung::direct
