#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <faltung/problem.hpp>
#include "cpp/cpu/axis_cut.hpp"
#include "cpp/cpu/direct/pieces/piece_sizes.hpp"
#include "cpp/cpu/direct/ways.hpp"

namespace faltung::direct {

/// Memory on the stack of each thread that a run without a workspace takes.
inline constexpr std::size_t stack_bytes = std::size_t{64} << 10;
/// The part of it that holds the sums of a piece; those of a problem of it need as much.
inline constexpr std::size_t sums_bytes = std::size_t{12} << 10;

/// Some along each dimension.
using Ranges = std::array<Range, max_dimensions>;

/// Whether there are few enough pieces to plan for.
[[nodiscard]] bool fits_in_pieces(const Problem& p);

/// What that takes at one thread, in microseconds.
[[nodiscard]] double pieces_us(const Problem& p);

/// The problem of some channels and images of p along these axes. Its result is compact, of the
/// accumulator's type, without an epilogue; its operands lie as those of p.
[[nodiscard]] Problem piece_problem(const Problem& p, const Ranges& ranges,
                                    std::span<const Axis> axes);

/// The way that does such a problem, of all but pieces; null: none.
[[nodiscard]] const DirectWay* way_of_piece(const Problem& p);

}  // namespace faltung::direct
