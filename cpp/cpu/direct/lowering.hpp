#pragma once

#include <optional>

#include <faltung/problem.hpp>

namespace faltung::direct {

/// A problem with the same operands and the same result, bit for bit where sums are exact, in the
/// form that the vector kernels take best; `p` itself if there is none:
///
///     backward_data  without frames, and without stride unless its input is dilated, is a forward
///                    problem, its filter reversed, its channels exchanged, stride and dilation too
///                    also a stride of single channels, where InterleavedTask serves that problem
///     axes           are taken in the order of memory, from slow to fast, where x and y agree
///     i64 sums       whose result wraps at 32 bits need only 32 bits
[[nodiscard]] Problem lowered(const Problem& p);

/// Vectors of outputs lie along the last axis of a lowered problem. Where there are few, and more
/// along another one, or many images, that one becomes the last; and small images are planes, or
/// rows, of one. But not where vectors hold channels, or rows are joined.
[[nodiscard]] Problem with_long_rows(const Problem& p);

/// Where that would change the order of sums, which must not follow from extents (see
/// keeps_order_in_parts): the problem with another axis as its last, and whether that one was its
/// first of three. Sums then have to run over the taps in the order of `p`.
struct TurnedRows {
  Problem problem;
  bool last_was_first;
};
[[nodiscard]] std::optional<TurnedRows> turned_rows(const Problem& p);

}  // namespace faltung::direct
