#pragma once

#include <algorithm>
#include <cmath>

#include <faltung/dtype.hpp>

namespace faltung {

/// Error of a sum of `terms` products in any order, as a multiple of the sum of magnitudes: the
/// worst case for short sums, for long ones the bound that holds with probability 1 - 1e-7.
///
/// Source: Higham, §3.1; Higham & Mary, SIAM J. Sci. Comput. 41 (2019) A2815, theorem 3.1.
inline double sum_error(double terms, DType accumulator) {
  // Each part of a complex sum passes one rounding more, and both parts err: Higham, lemma 3.5.
  const bool complex = is_complex(accumulator);
  const double roundings = complex ? terms + 1 : terms;
  return (complex ? std::sqrt(2.0) : 1.0) * std::min(roundings, 6 * std::sqrt(roundings) + 8) *
         unit_roundoff(accumulator);
}

}  // namespace faltung
