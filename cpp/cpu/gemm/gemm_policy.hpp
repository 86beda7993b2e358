#pragma once

#include <algorithm>
#include <cstdint>

#include "cpp/core/geometry.hpp"
#include "cpp/cpu/product_rate.hpp"

namespace faltung::gemm {

/// How the column matrix, [c/g taps, outputs] for each image and group, is cut into blocks that are
/// made, multiplied and forgotten. Changes speed, and bits only through the order of sums, which
/// depends on the problem alone.
struct Policy {
  std::int64_t depth;    ///< rows: taps of channels
  std::int64_t columns;  ///< outputs
};

/// A block takes at most half of a second-level cache of 1 MiB, and its depth is what OpenBLAS
/// packs at once (GEMM_Q is 256 to 384 on x86-64), so that cutting it costs nothing.
inline Policy choose(const Problem& p) {
  const std::int64_t values = 512 * 1024 / static_cast<std::int64_t>(size_of(p.accumulator));
  const std::int64_t depth =
      std::min<std::int64_t>(256, p.in_channels / p.groups * element_count(filter_extents(p)));
  return {.depth = depth, .columns = std::min(element_count(output_extents(p)), values / depth)};
}

/// What a run takes with cold caches before it computes.
inline constexpr double start_us = 30;

/// Of one thread, after that. Columns of a data gradient are added to the result, which took 0.6 to
/// 2 ns of a value on a Zen 4 core, strides 1 and 2.
inline double one_thread_us(const Problem& p) {
  const double column_ns = p.pass == Pass::backward_data ? 1.3 : 0.5;
  constexpr double piece_ns = 30;
  const double products = p.multiply_adds();
  const double columns = products / static_cast<double>(p.out_channels / p.groups);
  const double pieces = columns / static_cast<double>(p.axes.back().output());
  return 1e-3 *
         (products * vector_product_ns(p.accumulator) + columns * column_ns + pieces * piece_ns);
}

}  // namespace faltung::gemm
