#pragma once

#include <optional>

#include <faltung/problem.hpp>

namespace faltung::direct {

/// A forward problem as sums over rows: taps of the last axis, or, of filters of one tap, the
/// channels of a group, which then are its last axis.
[[nodiscard]] std::optional<Problem> with_rows(const Problem& p);

/// Whether vectors of neighbouring outputs may be worse: rows of many products have few outputs, or
/// outputs far apart, or are channels side by side in memory.
[[nodiscard]] bool is_for_dots(const Problem& p);

/// How DotsTask cuts the outputs of all images and the output channels of a group.
struct DotsPolicy {
  std::int64_t outputs, channels;
};

/// @param p  of with_rows
[[nodiscard]] DotsPolicy choose_dots(const Problem& p);

/// Whether all taps of all outputs along the last axis lie in x side by side, as sums of Acc.
[[nodiscard]] bool has_rows_in_place(const Problem& p);

/// Microseconds of one thread for a forward problem that with_rows takes.
[[nodiscard]] double dots_us(const Problem& p);

}  // namespace faltung::direct
