#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include <faltung/problem.hpp>

#include "cpp/core/machine.hpp"

namespace faltung::direct {

/// How the direct engine cuts the work. Changes speed, and bits only through the order of sums,
/// which depends on the problem alone.
struct Policy {
  std::int64_t columns;   ///< results of one row summed at a time
  std::int64_t channels;  ///< output channels that share a loaded row
};

/// The sums of a tile and the row they read stay in a first-level cache.
inline Policy choose(const Problem& p) {
  const std::int64_t values = reference_cpu_machine().l1d_bytes / 2 / 4;
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

/// Whether the result leaves the caches before it is complete, and is best stored past them.
inline bool leaves_caches(const Problem& p) {
  return element_count(p.y_shape()) * static_cast<std::int64_t>(size_of(p.output)) >=
         cpu_machine().l3_bytes / 4;
}

/// Cycles of one thread per product in an inner loop of DirectTask; measured on an EPYC 9004.
constexpr double product_cycles(DType accumulator) {
  switch (accumulator) {
    case DType::f64:
      return 0.74;
    case DType::c64:
      return 1.48;
    case DType::c128:
      return 2.96;
    case DType::i64:
      return 1.48;
    default:
      return 0.37;
  }
}

/// Microseconds of one thread without the vector kernels.
inline double plain_us(const Problem& p) {
  constexpr double row_cycles = 29.6;
  const double products = p.multiply_adds();
  const double rows = products / static_cast<double>(choose(p).columns);
  return 1e-3 * (products * product_cycles(p.accumulator) + rows * row_cycles) *
         cpu_machine().cycle_ns();
}

/// Whether 16 bits with a sign hold every integer of the type.
constexpr bool fits_int16(DType type) {
  return type == DType::i8 || type == DType::u8 || type == DType::i16;
}

/// Whether integer dot products form the sums of a forward problem: of values of at most 16 bits,
/// two neighbouring taps at once.
inline bool takes_pairs(const Problem& p) {
  const Axis& axis = p.axes.back();
  return p.accumulator == DType::i32 && fits_int16(p.input) && axis.stride == 1 &&
         axis.dilation == 1;
}

/// Microseconds of one thread with them, for a forward problem: products, the last vector of a row
/// counted as full; what is read into boxes, overlaps included as for boxes of 16; what is stored.
inline double vector_us(const Problem& p) {
  constexpr double read_cycles = 1.48;
  constexpr double store_cycles = 0.555;
  constexpr double row_cycles = 55.5;
  const CpuMachine& machine = cpu_machine();
  const double lanes = machine.lanes(4);
  double outputs = static_cast<double>(p.batch);
  double read = outputs * static_cast<double>(p.in_channels);
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    const auto count = static_cast<double>(axis.output());
    const bool last = a + 1 == p.rank();
    const double box = std::min(count, last ? 4096.0 : 16.0);
    outputs *= count;
    read *= count / box *
            ((box - 1) * static_cast<double>(axis.stride) +
             static_cast<double>(axis.effective_filter()));
  }
  const auto width = static_cast<double>(p.axes.back().output());
  const double full = std::ceil(width / lanes) * lanes / width;
  const double group_outputs = static_cast<double>(p.out_channels / p.groups);
  const double tiles = group_outputs >= 4 ? std::ceil(group_outputs / 8) * 8 / group_outputs : 1;
  const double rows = outputs / width * static_cast<double>(p.out_channels);
  const auto taps = static_cast<double>(p.axes.back().filter);
  const bool pairs = takes_pairs(p);
  const double at_once = pairs ? taps / std::ceil(taps / 2) : 1;  // products of a row
  const double product_ns = pairs ? machine.pair_ns() : machine.product_ns(p.accumulator);
  return 1e-3 *
         (p.multiply_adds() * full * tiles / at_once * product_ns +
          (read * read_cycles + rows * (row_cycles + width * store_cycles)) * machine.cycle_ns());
}

}  // namespace faltung::direct
