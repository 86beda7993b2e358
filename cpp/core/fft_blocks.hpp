#pragma once

#include <cmath>
#include <cstdint>

#include <faltung/plan.hpp>
#include <faltung/problem.hpp>

/// Blocks of convolutions by Fourier transforms on any device: how long they must be, and how far
/// their sums may be off.
namespace faltung::fft {

/// Whether a constant may stand beyond an end of an axis.
[[nodiscard]] inline bool has_constant(const Axis& axis) {
  return axis.below.kind == BoundaryKind::constant || axis.above.kind == BoundaryKind::constant;
}

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

/// Sizes of a problem's transforms, as real numbers because they may be beyond any integer.
struct Sizes {
  double length = 1;   ///< points of one transform
  double outputs = 1;  ///< in one block
  double taps = 1;
  double blocks = 1;   ///< for each channel of each image
  double overlap = 1;  ///< blocks that at most hold the same position of x
  double folds = 1;    ///< positions that at most show the same element
};

/// Transforms whose products are summed in one of the result.
inline double summed_transforms(const Problem& p, const Sizes& n) {
  if (p.pass == Pass::backward_filter) return static_cast<double>(p.batch) * n.blocks;
  const std::int64_t channels = p.pass == Pass::forward ? p.in_channels : p.out_channels;
  const std::int64_t of_a_group = channels / p.groups;
  return static_cast<double>(of_a_group);
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

/// By how much an output of a forward problem may err, as a multiple of the norms of the data of
/// its block and of its filters, the error of that multiple included.
[[nodiscard]] double block_error(const Problem& p, const Sizes& n);

/// Of real and complex sums, which err by the norm of what is transformed together; exact for
/// integers.
[[nodiscard]] ErrorBound normwise_bound(const Problem& p, const Sizes& n);

}  // namespace faltung::fft
