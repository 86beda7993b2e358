#pragma once

#include <cstdint>
#include <type_traits>

#include "cpp/core/masked_passes.hpp"

namespace faltung::masked {

/// What a row of data with weights showed.
template <typename T>
struct Seen {
  bool other = false;   ///< a weight is not 1
  bool misfit = false;  ///< a weight is negative, NaN or infinite
  T largest = 0;        ///< weight
};

/// How NaN are loaded.
template <typename T>
struct NanLoad {
  bool missing = true;    ///< of weight 0
  bool replaced = false;  ///< `replacement` in their place
  T replacement = 0;
};

/// Passes over rows of n numbers, for one instruction set: the same bits in all.
template <typename T>
struct RowKernels {
  bool (*has_nan)(const T* x, std::int64_t n);
  /// Values and weights of x: 0 and 0 where it is NaN, which is answered, else x and 1.
  bool (*load_missing)(const T* x, T* values, T* weights, std::int64_t n);
  /// x with NaN replaced.
  void (*load_replaced)(const T* x, T* values, std::int64_t n, T replacement);
  /// Values times the given weights, which become 0 where a NaN is missing.
  Seen<T> (*load_weighted)(const T* x, T* values, T* weights, std::int64_t n,
                           const NanLoad<T>& nan);
  /// Results of sums, into `to`, which may be these. Without counts all suffice, without divisors
  /// all are `sum`.
  void (*divide)(const Quotient<T>& q, const T* sums, const T* divisors, const T* counts, T* to,
                 std::int64_t n);
};

/// For the set in use.
///
/// T: float, double
template <typename T>
[[nodiscard]] RowKernels<T> row_kernels();

}  // namespace faltung::masked
