#pragma once

#include <cstdint>

#include <faltung/extents.hpp>

namespace faltung::fft {

/// Time of the steps of a transform, in nanoseconds of one thread for each pair of registers, with
/// AVX-512. These, the costs of passes and of memory in line_cost.cpp and those of rows in
/// fft_policy.cpp are the least-squares fit of log(time) to the CPU suite and 15 problems more, on
/// one thread of a Zen 4 core with caches flushed: 0.99 of the time in the median, a factor of 1.19
/// from it in the root mean square, 1.75 at most.
struct StepCosts {
  double copy = 8.1;        ///< into a line and out of it, along a column
  double transpose = 26.6;  ///< the same along a row, with factors
  double product = 10.5;
};
inline constexpr StepCosts step_costs;

/// Of a complex line of n values.
[[nodiscard]] double line_cost(std::int64_t n);
/// Of points that are transformed as a matrix of these sides.
[[nodiscard]] double cut_cost(std::int64_t rows, std::int64_t columns, std::int64_t lanes);
/// Of a whole block, in one direction.
[[nodiscard]] double transform_cost(const Shape& lengths, bool real, bool wide, std::int64_t lanes);

/// Smallest length >= n whose prime factors are 2, 3, 5, 7 and 11.
[[nodiscard]] std::int64_t good_length(std::int64_t n);

}  // namespace faltung::fft
