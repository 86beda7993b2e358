#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include <faltung/problem.hpp>

namespace faltung::direct {

/// How the direct engine cuts the work. Changes speed, and bits only through the order of sums,
/// which depends on the problem alone.
struct Policy {
  std::int64_t columns;   ///< results of one row summed at a time
  std::int64_t channels;  ///< output channels that share a loaded row
};

/// The sums of a tile and the row they read stay in a first-level cache of 32 KiB.
inline Policy choose(const Problem& p) {
  constexpr std::int64_t values = 16 * 1024 / 4;
  const std::int64_t columns = std::min<std::int64_t>(p.axes.back().output(), values / 4);
  return {.columns = columns, .channels = std::clamp<std::int64_t>(values / columns, 1, 16)};
}

/// Values that a window of one row holds for `columns` outputs; see direct_task.hpp.
inline std::int64_t window_values(const Axis& axis, std::int64_t columns) {
  const std::int64_t phases =
      std::min(axis.filter, axis.stride / std::gcd(axis.stride, axis.dilation));
  const std::int64_t length = columns + (axis.effective_filter() - 1) / axis.stride;
  std::int64_t values = 0;
  return __builtin_mul_overflow(phases, length, &values) ? INT64_MAX : values;
}

/// Beyond this (32 MiB in the widest type) the taps lie so far apart that a window is the wrong
/// way to read them.
inline constexpr std::int64_t max_window = std::int64_t{1} << 21;

/// Nanoseconds per product in an inner loop; measured, see estimate_us.
constexpr double product_ns(DType accumulator) {
  switch (accumulator) {
    case DType::f64:
      return 0.2;
    case DType::c64:
      return 0.4;
    case DType::c128:
      return 0.8;
    case DType::i64:
      return 0.4;
    default:
      return 0.1;
  }
}

inline double estimate_us(const Problem& p) {
  constexpr double row_ns = 8;
  const double products = p.multiply_adds();
  const double rows = products / static_cast<double>(choose(p).columns);
  return 1 + 1e-3 * (products * product_ns(p.accumulator) + rows * row_ns);
}

/// How long one thread takes with the vector kernel, in microseconds; roughly, for the choice of
/// how many threads are worth waking.
inline double stencil_us(const Problem& p) {
  constexpr double products_per_us = 2e4;
  return p.multiply_adds() / products_per_us;
}

}  // namespace faltung::direct
