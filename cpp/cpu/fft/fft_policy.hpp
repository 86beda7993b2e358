#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cpp/core/geometry.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/fft/transform.hpp"

namespace faltung::fft {

/// How an N-d problem becomes transforms. Axes with one tap need none: they come first and count
/// the blocks; a block is transformed over the others.
struct BlockPlan {
  Problem problem;          ///< the problem with its axes in that order
  Strides order;            ///< for each axis of it, the axis of the original problem
  std::size_t skipped = 0;  ///< how many axes come first
  Shape blocks;             ///< outputs along the skipped axes
  Shape lengths;            ///< of the transforms; cyclic wrap-around meets no output
};

/// Constants that meet constants are decided by the slowest axis, so that order must then stay.
inline bool may_reorder(const Problem& p) {
  for (const Axis& axis : p.axes) {
    for (const Boundary& side : {axis.below, axis.above}) {
      if (side.kind == BoundaryKind::constant) return false;
    }
  }
  return true;
}

inline BlockPlan plan_blocks(const Problem& p) {
  BlockPlan plan{.problem = p, .order = {}, .skipped = 0, .blocks = {}, .lengths = {}};
  const bool skip = may_reorder(p);
  plan.problem.axes.clear();
  for (const bool taps : {false, true}) {
    for (std::size_t a = 0; a < p.rank(); ++a) {
      const Axis& axis = p.axes[a];
      if ((!skip || axis.filter > 1) != taps) continue;
      plan.order.push_back(static_cast<std::int64_t>(a));
      plan.problem.axes.push_back(axis);
      if (taps) {
        plan.lengths.push_back(good_length(extended_extent(axis)));
      } else {
        plan.blocks.push_back(axis.output());
        ++plan.skipped;
      }
    }
  }
  return plan;
}

/// Sizes of a problem's transforms, as real numbers because they may be beyond any integer.
struct Sizes {
  double window = 1;   ///< positions of x that one block needs
  double length = 1;   ///< points of one transform; up to a quarter more than `window` on each axis
  double outputs = 1;  ///< in one block
  double taps = 1;
  double blocks = 1;  ///< for each channel of each image
  double folds = 1;   ///< positions that at most show the same element
};

inline Sizes sizes(const Problem& p) {
  Sizes result;
  const bool skip = may_reorder(p);
  for (const Axis& axis : p.axes) {
    result.folds *= static_cast<double>(fold_multiplicity(axis));
    if (skip && axis.filter == 1) {
      result.blocks *= static_cast<double>(axis.output());
      continue;
    }
    const std::int64_t window = extended_extent(axis);
    result.window *= static_cast<double>(window);
    result.length *= static_cast<double>(good_length(window));
    result.outputs *= static_cast<double>(axis.output());
    result.taps *= static_cast<double>(axis.filter);
  }
  return result;
}

/// Transforms whose products are summed in one of the result.
inline double summed_transforms(const Problem& p) {
  switch (p.pass) {
    case Pass::backward_data:
      return static_cast<double>(p.out_channels / p.groups);
    case Pass::backward_filter:
      return static_cast<double>(p.batch) * sizes(p).blocks;
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
/// most (1 + sqrt 5 + 7.5) u in radix 2, where 7.5 u is the error of ducc0's roots in double (two
/// roots of 2.6 u each and their product); radix 3, 4 and 5 err less for each factor of two.
/// Rounded up for terms of second order.
/// Source: Brent, Percival & Zimmermann, Math. Comp. 76 (2007) 1469, theorem 5.1.
inline double proven_error(double n) { return 36 * std::log2(n); }

/// Largest error of a sum of integers before it is rounded, for any data. Below 0.5 the sums are
/// exact.
inline double integer_error(const Problem& p) {
  const auto largest = [](DType type) {
    return std::ldexp(1.0, static_cast<int>(8 * size_of(type)) - (is_signed(type) ? 1 : 0));
  };
  const Sizes n = sizes(p);
  const double terms = summed_transforms(p);
  const double x = largest(p.input) * std::sqrt(n.window);
  const double w = largest(p.filter) * std::sqrt(n.taps);
  const double y = largest(p.output) * std::sqrt(n.outputs);
  const double norms = p.pass == Pass::forward         ? x * w
                       : p.pass == Pass::backward_data ? y * w * n.folds
                                                       : x * y;
  return terms * norms * (proven_error(n.length) + terms) * unit_roundoff(DType::f64);
}

/// Points of all transforms of a run, and of all products of spectra, in nanoseconds; measured, see
/// fft_engine.cpp.
inline double estimate_us(const Problem& p) {
  const Sizes n = sizes(p);
  const bool wide = p.accumulator != DType::f32 && p.accumulator != DType::c64;
  const double parts = is_complex(p.accumulator) ? 2 : 1;
  const double point_ns = parts * (wide ? 0.45 : 0.3);
  const double product_ns = parts * (wide ? 0.6 : 0.4);
  const double batch = static_cast<double>(p.batch) * n.blocks;
  const double pairs =
      static_cast<double>(p.out_channels) * static_cast<double>(p.in_channels / p.groups);
  const double images =
      batch * (static_cast<double>(p.in_channels) + static_cast<double>(p.out_channels));
  return 5 +
         1e-3 * n.length *
             ((pairs + images) * (4 + point_ns * std::log2(n.length)) + batch * pairs * product_ns);
}

}  // namespace faltung::fft
