#pragma once

#include <cstdint>

#include <faltung/extents.hpp>
#include <faltung/machine.hpp>

namespace faltung::fft {

/// Time of the steps of a transform for each pair of registers, in nanoseconds of one thread of a
/// Zen 4 core with AVX-512: step_ns of others. These and the costs of passes are from steps timed
/// alone, with warm caches; what memory takes, in line_cost.cpp and fft_policy.cpp, is from runs of
/// the CPU suite.
/// Of the time of 17 problems, two threads, caches flushed: 0.99 in the median, a factor of 1.28
/// from it in the root mean square, 0.46 at the worst (1M by 1M).
struct StepCosts {
  double transpose = 5.1;  ///< between the data and a column's transform, and on to its rows
  double factors = 0.9;    ///< of a row
  double product = 0.7;    ///< with the filter, between the passes of a row
  double sum = 10.5;       ///< of products in memory; fitted to the layers of the CPU suite
};
inline constexpr StepCosts step_costs;

/// Nanoseconds of a step of cost 1 on a machine, in proportion to a product of its vectors.
[[nodiscard]] double step_ns(const CpuMachine& machine);
/// Of points that are transformed as a matrix of these sides, on the reference machine.
[[nodiscard]] double cut_cost(std::int64_t rows, std::int64_t columns, std::int64_t lanes);
/// Nanoseconds of a whole block, in one direction.
///
/// @param wide   of f64
/// @param lanes  values of a register
[[nodiscard]] double transform_ns(const CpuMachine& machine, const Shape& lengths, bool real,
                                  bool wide, std::int64_t lanes);

/// Smallest length >= n whose prime factors are 2, 3 and 5.
[[nodiscard]] std::int64_t good_length(std::int64_t n);

}  // namespace faltung::fft
