#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/extended_input.hpp"

namespace faltung::direct {

/// Whether some tap meets a zero beyond a boundary: it then counts for nothing, even if it is not
/// finite.
inline bool meets_zeros(const Problem& p) {
  return !std::ranges::all_of(p.axes, [](const Axis& axis) {
    return all_met(axis, [](const Boundary& b) { return b.kind != BoundaryKind::zero; });
  });
}

template <typename Acc>
bool all_finite(const Acc* values, std::int64_t count) {
  if constexpr (std::is_integral_v<Acc>) {
    return true;
  } else {
    // Zeros sum up to zero, unless some value is not finite. Several sums, or every addition would
    // wait for the last.
    constexpr std::int64_t lanes = 16;
    Acc sums[lanes] = {};
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
      for (std::int64_t l = 0; l < lanes; ++l) sums[l] += values[i + l] - values[i + l];
    }
    for (; i < count; ++i) sums[0] += values[i] - values[i];
    return std::ranges::all_of(sums, [](Acc sum) { return sum == Acc(0); });
  }
}

}  // namespace faltung::direct
