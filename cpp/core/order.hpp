#pragma once

#include <string>

#include <faltung/problem.hpp>

namespace faltung {

/// Whether the sums of a problem have to be formed in the order of docs/reproducible.md:
///
///     the products of an output are those of [channel of the group, taps of each axis], slowest
///     first, as the problem names them; of a data gradient, those of the forward problem on dy
///     they are cut into blocks as sum_steps (sum_blocks.hpp) says
///     a block starts at +0 and takes its products one by one, each by a fused multiply-add
///     the blocks are added in order, to +0
///
/// in the type of the accumulator. What zeros beyond a boundary add is nothing; whether they are
/// added or passed over is the same, since what is added to +0 at the end is never -0. Sums of
/// integers have the same bits in any order.
[[nodiscard]] inline bool needs_order(const Problem& p) noexcept {
  return p.math == Math::reproducible && !is_integer(p.accumulator);
}

/// Why there is no such order for a problem that needs one, in words fit for a user; empty if there
/// is.
[[nodiscard]] std::string order_refusal(const Problem& p);

}  // namespace faltung
