#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "cpp/core/geometry.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/fft/digits.hpp"
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

  /// Blocks of one channel of an image.
  [[nodiscard]] std::int64_t block_count() const {
    return element_count(blocks) * element_count(tiles);
  }
};

/// The part of an extended axis that a block over the whole of it looks at: zeros around it need no
/// place of their own. Beside a slower axis with a constant they are none: where that axis is
/// outside, the constant stands there too.
struct AxisRange {
  std::int64_t begin, end;
  /// Points that a block needs: what a cyclic product wraps around then meets nothing that is kept.
  /// An input position p and tap r come together at the place of output o, or a whole length from
  /// it, and only if p + R'-1 - r d - (R'-1 + o s) is a multiple of the length. With p in
  /// [begin, end), this lies between begin - (E-1) and end - 1, where E is the extended extent.
  /// Every tap needs a place, too.
  std::int64_t points;
};
[[nodiscard]] AxisRange needed_range(const Problem& p, std::size_t axis);

/// The cheapest plan for this set on the reference machine, so that it depends on the problem and
/// the set alone; its estimate is for the machine planned for.
[[nodiscard]] BlockPlan plan_blocks(const Problem& p, const InstructionSet& set);

/// What a run takes beside its blocks, with cold caches.
[[nodiscard]] double start_us();

/// Sizes of a problem's transforms, as real numbers because they may be beyond any integer.
struct Sizes {
  double length = 1;   ///< points of one transform
  double outputs = 1;  ///< in one block
  double taps = 1;
  double blocks = 1;   ///< for each channel of each image
  double overlap = 1;  ///< blocks that at most hold the same position of x
  double folds = 1;    ///< positions that at most show the same element
};

[[nodiscard]] Sizes sizes(const BlockPlan& plan);

/// Transforms whose products are summed in one of the result.
inline double summed_transforms(const Problem& p, const Sizes& n) {
  switch (p.pass) {
    case Pass::backward_data:
      return static_cast<double>(p.out_channels / p.groups);
    case Pass::backward_filter:
      return static_cast<double>(p.batch) * n.blocks;
    case Pass::forward:
      break;
  }
  return static_cast<double>(p.in_channels / p.groups);
}

/// Error of one cyclic convolution of n points in the 2-norm, as a multiple of u ||x|| ||w||, that
/// measured errors stay ten times below (0.4 u log2 n).
/// Source: Schatzman, SIAM J. Sci. Comput. 17 (1996) 1150; the factor is our choice.
inline double expected_error(double n) { return 4 * std::log2(n); }

/// The same, but no data can exceed it: three transforms, each of whose log2 n levels errs by at
/// most (1 + sqrt 5 + 4.3) u in radix 2, where 4.3 u is the error of UnitRoots in double; radix 3,
/// 4, 5 and 8 err less for each factor of two. Real data takes one level less and one factor more
/// (BlockMatrix), and an axis that is cut one factor more. Rounded up for terms of second order.
/// Source: Brent, Percival & Zimmermann, Math. Comp. 76 (2007) 1469, theorem 5.1.
inline double proven_error(double n) { return 36 * std::log2(n); }

/// Largest error of a sum in f64 over all data whose elements are at most `first` and `second` in
/// magnitude: what the transforms err by, each of `products` products of spectra for each that is
/// summed, and the sum of these.
[[nodiscard]] double largest_error(const Problem& p, const Sizes& n, double first, double second,
                                   double products = 1);

/// The same for operands whose blocks have at most these 2-norms.
[[nodiscard]] double largest_error_of_norms(const Problem& p, const Sizes& n, double first,
                                            double second, double products = 1);

/// How many elements of each operand a block holds at most.
struct BlockCounts {
  double first, second;
};
[[nodiscard]] BlockCounts block_counts(const Problem& p, const Sizes& n);

/// The same for integers of the problem's types, whatever they are. Below 0.5 rounded sums are
/// exact.
[[nodiscard]] double integer_error(const Problem& p, const Sizes& n);

/// Digits for operands of which no element is larger, and what their transforms cost.
struct DigitChoice {
  Digits digits;
  double cost = 0;  ///< as a multiple of a run with one digit each
};

/// The cheapest digits whose sums are exact, at most `max_first` and `max_second` of them;
/// nothing if there are none.
[[nodiscard]] std::optional<DigitChoice> choose_digits(const Problem& p, const Sizes& n,
                                                       double first, double second, int max_first,
                                                       int max_second);

}  // namespace faltung::fft
