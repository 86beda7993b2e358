#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <faltung/problem.hpp>

#include "cpp/core/machine.hpp"

namespace faltung::direct {

/// Whether output rows share rows of x, as these two axes say; else they are summed one by one.
/// Four of them need three rows of taps.
inline bool shares_rows(const Axis& y, const Axis& x) {
  return y.stride == 1 && y.dilation == 1 && x.stride == 1 && y.filter >= 3;
}

/// Microseconds of one thread with cold caches: products, the last vector of a row counted as full;
/// the bytes of x and y, and their conversion; rows of outputs. On 15 problems, f32, f64 and u8,
/// 3x3 to 5x5x5, rows of 7 to 2048 outputs, the r.m.s. factor between this and the time on a Zen 4
/// core, whose own speed changed by a third meanwhile, is 1.27. Rows that are summed one by one
/// load x anew for each: on 8 problems with strides, 3x3 to 7x7x7, an Emerald Rapids core takes up
/// to twice the time per product.
inline double in_place_us(const Problem& p) {
  constexpr double of_copy = 0.5625;  // of the memory's time: the rest hides behind the products
  constexpr double conversion_cycles = 0.518;
  constexpr double row_cycles = 29.6;
  constexpr double one_by_one = 2;
  const CpuMachine& machine = cpu_machine();
  const double lanes = machine.lanes(static_cast<std::int64_t>(size_of(p.accumulator)));
  const auto width = static_cast<double>(std::max<std::int64_t>(1, p.axes.back().output()));
  const double full = std::ceil(width / lanes) * lanes / width;
  const auto outputs = static_cast<double>(element_count(p.y_shape()));
  const double values = static_cast<double>(element_count(p.x_shape())) + outputs;
  const double bytes = values * static_cast<double>(size_of(p.input));
  const auto channels = static_cast<double>(p.in_channels) / static_cast<double>(p.groups);
  const double rows = outputs / width * channels;
  const double cycles =
      values * (p.input == p.accumulator ? 0 : conversion_cycles) + rows * row_cycles;
  const bool shared = p.rank() < 2 || shares_rows(p.axes[p.rank() - 2], p.axes.back());
  const double products = p.multiply_adds() * full * (shared ? 1 : one_by_one);
  return 1e-3 * (products * machine.product_ns(p.accumulator) +
                 bytes * of_copy / machine.copy_bytes_per_ns + cycles * machine.cycle_ns());
}

}  // namespace faltung::direct
