#pragma once

#include <algorithm>
#include <cstdint>

#include <faltung/extents.hpp>
#include <faltung/problem.hpp>

namespace faltung {

/// Products that a partial sum has about. Of a long sum every block starts at zero, and the blocks
/// are added in order: a product then passes as many roundings as a block has products, and one for
/// each block, not one for each product that follows. Where there are n products, the best block
/// has sqrt(n); 256 is within a factor of two of it from 16,000 to 260,000, and costs nothing.
///
/// Source: Higham, Accuracy and Stability of Numerical Algorithms, §4.2; Blanchard, Higham & Mary,
/// SIAM J. Sci. Comput. 42 (2020) A1541.
inline constexpr std::int64_t sum_block = 256;
/// Rows of taps of a block, where there are so many: kernels share rows between outputs.
inline constexpr std::int64_t min_block_rows = 4;

/// How the sum over input channels and taps is cut, from these extents alone: steps along
/// [channel, taps of each axis], all of an axis or a part of it; axes before one that is cut are
/// taken one by one. So a block is a piece of the sum in the order of the formula.
[[nodiscard]] inline Extents sum_steps(const Extents& extents) {
  Extents steps = Extents::filled(extents.size(), 1);
  std::int64_t inner = 1;
  for (std::size_t a = extents.size(); a-- > 0;) {
    const std::int64_t count = extents[a];
    const std::int64_t min = a > 0 && a + 2 == extents.size() ? min_block_rows : 1;
    const std::int64_t step = std::max(sum_block / std::max<std::int64_t>(inner, 1), min);
    std::int64_t& chosen = steps[a];
    chosen = count;
    if (count >= 2 * step) {
      // Equal parts are best; where there are none, the last is not too short.
      chosen = step;
      while (chosen < 2 * step && count % chosen != 0) ++chosen;
      if (chosen == 2 * step) {
        const std::int64_t parts = count / step;
        chosen = (count + parts - 1) / parts;
        while (count % chosen != 0 && count % chosen < min) ++chosen;
      }
      return steps;
    }
    inner *= count;
  }
  return steps;
}

/// What a product passes in such a sum: the roundings of its block, and those of the blocks.
[[nodiscard]] inline double sum_roundings(const Extents& extents, const Extents& steps) {
  double block = 1, blocks = 1;
  for (std::size_t a = 0; a < extents.size(); ++a) {
    block *= static_cast<double>(steps[a]);
    blocks *=
        static_cast<double>((extents[a] + steps[a] - 1) / std::max<std::int64_t>(steps[a], 1));
  }
  return blocks > 1 ? block + blocks : block;
}

/// What a forward sum runs over: [input channels of a group, taps of each axis].
[[nodiscard]] inline Extents sum_extents(const Problem& p) {
  Extents extents{p.in_channels / p.groups};
  for (const Axis& axis : p.axes) extents.push_back(axis.filter);
  return extents;
}

}  // namespace faltung
