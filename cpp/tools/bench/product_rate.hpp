#pragma once

namespace faltung::bench {

/// Multiply-adds that the threads of a run do in registers alone, times two a second: no loads, no
/// stores, enough sums for each to be ready when its next product is. T is float or double; vectors
/// are those of the instruction set that FALTUNG_CPU_TARGET names, or the processor's best.
template <typename T>
[[nodiscard]] double product_rate();

}  // namespace faltung::bench
