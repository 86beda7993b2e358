#pragma once

#include <array>
#include <cstdint>

#include <faltung/problem.hpp>

namespace faltung::direct {

/// What a problem is cut along: images, groups, channels of a group's outputs and inputs, and for
/// each spatial axis its places and its taps. Places are outputs of the axis, but in a data
/// gradient the elements of its result: the outputs that reach these follow.
enum Dimension : std::size_t { images, groups, outputs, inputs, places };
inline constexpr std::size_t max_dimensions = places + 2 * max_spatial_rank;
/// The dimension of the taps of an axis of a problem with so many.
constexpr std::size_t taps_of(std::size_t axis, std::size_t rank) { return places + rank + axis; }

/// Whether the result of p is cut along it; along the others its sums are.
[[nodiscard]] bool is_result(const Problem& p, std::size_t dimension);

/// Counts along each dimension, 1 beyond the last that there is.
using Counts = std::array<std::int64_t, max_dimensions>;

/// All that a problem has.
[[nodiscard]] Counts all_counts(const Problem& p);

/// Elements of x, w and y, in this order, that a piece of so many meets at most; whole channels of
/// the extended input are counted.
[[nodiscard]] std::array<double, 3> piece_elements(const Problem& p, const Counts& piece);

/// A piece none of whose tensors has more than `limit` elements, unless it is as small as can be.
/// What vector kernels and long rows live on is cut last.
[[nodiscard]] Counts piece_counts(const Problem& p, double limit);

/// Whether an axis is cut so often that to look at each combination of places and taps would take
/// longer than a plan may: seconds.
[[nodiscard]] bool has_too_many_pieces(const Problem& p, const Counts& piece);

}  // namespace faltung::direct
