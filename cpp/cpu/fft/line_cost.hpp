#pragma once

#include <cstdint>

#include <faltung/extents.hpp>

namespace faltung::fft {

/// Time of the steps of a transform, in nanoseconds of one thread for each pair of registers, with
/// AVX-512. These and the costs of passes are from steps timed alone, with warm caches, on a Zen 4
/// core; what memory takes, in line_cost.cpp and fft_policy.cpp, is from runs of the CPU suite.
/// Of the time of 17 problems, two threads, caches flushed: 0.99 in the median, a factor of 1.28
/// from it in the root mean square, 0.46 at the worst (1M by 1M).
struct StepCosts {
  double transpose = 5.1;  ///< between the data and a column's transform, and on to its rows
  double factors = 0.9;    ///< of a row
  double product = 0.7;    ///< with the filter, between the passes of a row
  double sum = 10.5;       ///< of products in memory; fitted to the layers of the CPU suite
};
inline constexpr StepCosts step_costs;

/// Of a complex line of n values.
[[nodiscard]] double line_cost(std::int64_t n);
/// Of points that are transformed as a matrix of these sides.
[[nodiscard]] double cut_cost(std::int64_t rows, std::int64_t columns, std::int64_t lanes);
/// Of a whole block, in one direction.
[[nodiscard]] double transform_cost(const Shape& lengths, bool real, bool wide, std::int64_t lanes);

/// Smallest length >= n whose prime factors are 2, 3 and 5.
[[nodiscard]] std::int64_t good_length(std::int64_t n);

}  // namespace faltung::fft
