#pragma once

#include <cstdint>

#include "cpp/core/geometry.hpp"

namespace faltung {

/// All extents but the last.
inline Shape slow_extents(const Shape& shape) {
  return Shape(std::span(shape.begin(), shape.size() - 1));
}

/// Calls `f(first, step)` for every row of taps of output channel k, in the order [c/g, r...] of
/// the formula: tap r of the row is w[first + r step].
template <typename F>
void for_each_filter_row(const Problem& p, const TensorStrides& w, std::int64_t k, F&& f) {
  const Shape extents = filter_extents(p);
  const std::int64_t step = w.spatial.back();
  std::int64_t last = 0;
  for (std::size_t a = 0; a < extents.size(); ++a) last += (extents[a] - 1) * w.spatial[a];
  for (std::int64_t c = 0; c < p.in_channels / p.groups; ++c) {
    const std::int64_t channel = k * w.outer + c * w.channel;
    for_each_index(slow_extents(extents), [&](std::int64_t, const Extents& r) {
      const std::int64_t tap = offset_of(r, w.spatial);
      f(channel + (p.flip ? last - tap : tap), p.flip ? -step : step);
    });
  }
}

/// Calls `f(row, k, first, step)` for every row of taps, in the compact order [k, c/g, r...] of the
/// formula: `row` counts the calls, and tap r of the row is w[first + r step].
template <typename F>
void for_each_filter_row(const Problem& p, const TensorStrides& w, F&& f) {
  std::int64_t row = 0;
  for (std::int64_t k = 0; k < p.out_channels; ++k) {
    for_each_filter_row(p, w, k,
                        [&](std::int64_t first, std::int64_t step) { f(row++, k, first, step); });
  }
}

}  // namespace faltung
