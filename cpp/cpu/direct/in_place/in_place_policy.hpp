#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <faltung/problem.hpp>

#include "cpp/cpu/product_rate.hpp"

namespace faltung::direct {

/// Microseconds of one thread with cold caches: products, the last vector of a row counted as full;
/// the bytes of x and y, and their conversion; rows of outputs. On 15 problems, f32, f64 and u8,
/// 3x3 to 5x5x5, rows of 7 to 2048 outputs, the r.m.s. factor between this and the time on a Zen 4
/// core, whose own speed changed by a third meanwhile, is 1.27.
inline double in_place_us(const Problem& p) {
  constexpr double byte_ns = 0.0225;
  constexpr double conversion_ns = 0.14;
  constexpr double row_ns = 8;
  const double lanes = 64.0 / static_cast<double>(size_of(p.accumulator));
  const auto width = static_cast<double>(std::max<std::int64_t>(1, p.axes.back().output()));
  const double full = std::ceil(width / lanes) * lanes / width;
  const auto outputs = static_cast<double>(element_count(p.y_shape()));
  const double values = static_cast<double>(element_count(p.x_shape())) + outputs;
  const double value_ns = static_cast<double>(size_of(p.input)) * byte_ns +
                          (p.input == p.accumulator ? 0 : conversion_ns);
  return 1e-3 * (p.multiply_adds() * full * vector_product_ns(p.accumulator) + values * value_ns +
                 outputs / width * row_ns);
}

}  // namespace faltung::direct
