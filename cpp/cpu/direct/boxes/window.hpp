#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include <faltung/problem.hpp>

namespace faltung::direct {

/// Where the taps of the last axis find their values in a window: a stretch of one row of the
/// extended input. With stride s the window holds every s-th position, one phase after the other,
/// so that neighbouring outputs read neighbouring values: value t of phase q is position q + t s.
struct Window {
  std::vector<std::int64_t> phases;   ///< the q that taps fall on
  std::vector<std::int64_t> offsets;  ///< of each tap's value for the first output
  std::int64_t length = 0;            ///< values a phase may hold

  Window(const Axis& axis, std::int64_t columns)
      : length(columns + (axis.effective_filter() - 1) / axis.stride) {
    const std::int64_t period = axis.stride / std::gcd(axis.stride, axis.dilation);
    for (std::int64_t r = 0; r < axis.filter; ++r) {
      if (r < period) phases.push_back(r * axis.dilation % axis.stride);
      offsets.push_back(r % period * length + r * axis.dilation / axis.stride);
    }
  }

  /// Values of phase q that `columns` outputs read.
  static std::int64_t used(const Axis& axis, std::int64_t phase, std::int64_t columns) {
    return columns + (axis.effective_filter() - 1 - phase) / axis.stride;
  }
  [[nodiscard]] std::int64_t size() const {
    return length * static_cast<std::int64_t>(phases.size());
  }
};

}  // namespace faltung::direct
