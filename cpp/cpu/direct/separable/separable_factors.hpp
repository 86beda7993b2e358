#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include <faltung/problem.hpp>

namespace faltung::direct {

/// Numbers in which factors are found: integers, or wider than the sums of f32.
template <typename Acc>
using FactorNumber = std::conditional_t<std::is_integral_v<Acc>, std::int64_t, double>;

/// How far the product of factors may lie from a tap, relative to the tap. Every tap of a promised
/// outer product of r axes is rounded once, and so are those it is compared with: one for each axis
/// and, r - 1 times, the largest tap. f64 adds r roundings in the quotients and r in the
/// comparison. All are at most 4 r + 2.
[[nodiscard]] double factor_tolerance(const Problem& p);

/// Finds one line of taps for each axis whose products are the taps of a filter:
///
///     w[z,y,x] = lines[z] lines[Z + y] lines[Z + Y + x]
///
/// They come from the lines through the largest tap. Those of axes that are summed before
/// `carrier` have magnitudes that add up to at most 1/2, so that no finite input overflows on the
/// way; they are whole multiples of a power of two if the filter's taps are multiples of a number,
/// so that sums of whole numbers stay exact. Integers get integers. An axis of one tap gets 1.
///
/// @param taps     compact, Z x Y x X
/// @param carrier  the axis that is summed last
/// @param scratch  Z + Y + X numbers
/// @return whether there are such lines, all finite, within the tolerance
template <typename Acc>
[[nodiscard]] bool find_factors(const Acc* taps, const std::array<std::int64_t, 3>& extents,
                                std::size_t carrier, double tolerance, FactorNumber<Acc>* scratch,
                                Acc* lines);

}  // namespace faltung::direct
