#pragma once

#include <faltung/dtype.hpp>

namespace faltung {

/// Nanoseconds of one thread per product in vector registers, on a Zen 4 core with AVX-512. The
/// matrix rates of bench/results/cpu/ours.json, 207 (f32) and 105 GFLOP/s (f64) on two threads,
/// give 0.019 and 0.038.
constexpr double vector_product_ns(DType accumulator) {
  switch (accumulator) {
    case DType::f64:
      return 0.042;
    case DType::c64:
      return 0.085;
    case DType::c128:
      return 0.17;
    default:
      return 0.021;
  }
}

}  // namespace faltung
