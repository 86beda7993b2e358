#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/emulator/toolkit/device_api.hpp"

namespace faltung::emulator {

/// Bytes of an element, and elements of K that one instruction multiplies (mma.sync; wgmma has the
/// same for its types).
[[nodiscard]] std::size_t element_bytes(MatrixType type);
[[nodiscard]] int instruction_k(MatrixType type);

/// The value of an element in a register or in memory; tf32 drops the low 13 bits.
[[nodiscard]] double decode_element(MatrixType type, const void* element);

/// A row of results as tensor cores make it: d[j] + sum over k of a[k] b[k n + j], products and sum
/// exact, then cut off towards zero to a float. The sum is held in two doubles, so it is exact
/// unless terms of more than 100 binary digits' distance cancel.
void multiply_row(float* d, const double* a, const double* b, int k, int n);

}  // namespace faltung::emulator
