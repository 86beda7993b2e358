#pragma once

#include <cmath>
#include <cstdint>

#include "cpp/core/fft_blocks.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/integer_digits.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/fft/transform.hpp"

namespace faltung::fft {

/// How an N-d problem becomes transforms. Axes with one tap need none: they come first, and each of
/// their outputs is a problem of its own. The other axes are cut into tiles of outputs, and a tile
/// with the positions of x that it needs is a block.
struct BlockPlan {
  Problem problem;          ///< the problem with its axes in that order
  Strides order;            ///< for each axis of it, the axis of the original problem
  std::size_t skipped = 0;  ///< how many axes come first
  Shape blocks;             ///< outputs along the skipped axes
  Shape lengths;            ///< of a block; what is wrapped around meets no output
  Shape tile;               ///< outputs of a tile, which the last one may not fill
  Shape origin;             ///< the extended position that begins the first block
  Shape tiles;              ///< how many
  double nanoseconds = 0;   ///< estimate of a run on one thread
  std::int64_t kept_bytes = std::int64_t{16} << 20;  ///< spectra to keep, if one takes no more

  /// Blocks of one channel of an image.
  [[nodiscard]] std::int64_t block_count() const {
    return element_count(blocks) * element_count(tiles);
  }
};

/// The cheapest plan for this set on the reference machine, so that it depends on the problem and
/// the set alone; its estimate is for the machine planned for.
[[nodiscard]] BlockPlan plan_blocks(const Problem& p, const InstructionSet& set);
/// The same of blocks of at most so many points; if there are none, its estimate is infinite.
[[nodiscard]] BlockPlan plan_blocks(const Problem& p, const InstructionSet& set,
                                    std::int64_t max_points);

[[nodiscard]] Sizes sizes(const BlockPlan& plan);

/// A run by these digits as a multiple of one with one digit. Spectra of several go to memory and
/// come back, and sums are put together: 1.4 (i64 20,000 by 20,000) to 2.2 (i64 512x512 by 21x21)
/// times the transforms alone, measured on a Sapphire Rapids core.
[[nodiscard]] inline double cost_of(const DigitChoice& choice) {
  constexpr double beside_transforms = 1.7;
  return choice.digits.is_whole() ? choice.cost : choice.cost * beside_transforms;
}

}  // namespace faltung::fft
