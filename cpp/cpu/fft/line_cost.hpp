#pragma once

#include <cstdint>

#include <faltung/extents.hpp>

namespace faltung::fft {

/// Time of the steps of a transform, in nanoseconds for each pair of registers, with AVX-512 and
/// two threads. Rough: over the CPU suite the estimates made of them are 0.2 to 3.2 times the time,
/// 0.96 in the median (bench/results/cpu/ours.json of 2026-11-21). The number of threads is not in
/// them.
struct StepCosts {
  double copy = 1.2;       ///< into a line and out of it, along a column
  double transpose = 3.0;  ///< the same along a row, with factors
  double product = 0.8;
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
