#pragma once

#include <cstdint>

#include "cpp/core/geometry.hpp"

namespace faltung {

/// All extents but the last.
inline Shape slow_extents(const Shape& shape) {
  return Shape(std::span(shape.begin(), shape.size() - 1));
}

/// Calls `f(row, k, first, step)` for every row of taps, in the compact order [k, c/g, r...] of the
/// formula: `row` counts the calls, and tap r of the row is w[first + r step].
template <typename F>
void for_each_filter_row(const Problem& p, const TensorStrides& w, F&& f) {
  const Shape extents = filter_extents(p);
  const std::int64_t step = w.spatial.back();
  std::int64_t row = 0;
  for (std::int64_t k = 0; k < p.out_channels; ++k) {
    for (std::int64_t c = 0; c < p.in_channels / p.groups; ++c) {
      for_each_index(slow_extents(extents), [&](std::int64_t, const Extents& r) {
        std::int64_t first = k * w.outer + c * w.channel;
        if (!p.flip) {
          f(row++, k, first + offset_of(r, w.spatial), step);
          return;
        }
        for (std::size_t a = 0; a < extents.size(); ++a) first += (extents[a] - 1) * w.spatial[a];
        f(row++, k, first - offset_of(r, w.spatial), -step);
      });
    }
  }
}

}  // namespace faltung
