#pragma once

#include <cstdint>

#include "cpp/cpu/channels/value_traits.hpp"

/// The vector kernel for sums over one input channel at a time, in plain C++ terms.
namespace faltung::direct {

/// Neighbouring output rows of one output channel. In elements, all sums start at 0:
///
///     y[m, i] = sum over q, r, t:  w[q, r, t] x[planes[q] + (m + r) row_step + i + offset(t)]
///
/// offset(t) is t tap_step, or offsets[t] if offsets is not null. With pairs, t counts pairs of
/// taps, tap_step is 2, there are no offsets, and w x stands for both products. The sum of every
/// output runs over its products in the same order whatever `rows` and `columns` are.
/// Without `in_order` that order, and how often it rounds, may be the instruction set's.
template <typename T>
struct StencilRows {
  const typename ValueTraits<T>::Element* x;
  const std::int64_t* planes;   ///< where the rows of tap q start
  std::int64_t plane_count;     ///< q
  std::int64_t tap_rows;        ///< r
  std::int64_t tap_row_step;    ///< elements between rows of neighbouring r
  std::int64_t taps;            ///< t
  std::int64_t tap_step;        ///< 1 or 2, if offsets is null
  const std::int64_t* offsets;  ///< of the taps, or null
  const T* w;                   ///< compact
  typename ValueTraits<T>::Sum* y;
  std::int64_t y_row_step;  ///< elements between rows of y
  /// 1 unless tap_row_step is the step of output rows; at most max_rows unless `taps` is 1
  std::int64_t rows;
  std::int64_t columns;
  bool streams = false;  ///< stores past the caches, where whole vectors of y are aligned
  /// In the order of q, r, t, each product and sum rounded once; T is float or double then.
  bool in_order = false;
  typename ValueTraits<T>::Sum zero = -typename ValueTraits<T>::Sum(0);  ///< is added: +0 or -0
};

/// Output rows that one call takes at most.
inline constexpr std::int64_t max_rows = 4;

/// How far past the last value needed every row of x may be read: a vector of the smallest type.
/// What is read there reaches no stored sum.
inline constexpr std::int64_t row_slack = 32;

template <typename T>
using StencilKernel = void (*)(const StencilRows<T>&);

/// The kernel for the instruction set in use; T is float, double, std::int32_t (which wraps) or
/// Int16Pair. Null for pairs where no instruction adds their products.
template <typename T>
[[nodiscard]] StencilKernel<T> stencil_kernel();

}  // namespace faltung::direct
