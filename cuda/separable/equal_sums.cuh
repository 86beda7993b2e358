#pragma once

#include "cuda/separable/sliding_sums.cuh"

/// Sums of equal taps along rows and columns that lie in shared memory. The windows of a thread's
/// neighbouring outputs share most of their values: those are added once, and to them what each
/// window has before and after them,
///
///     n / outputs + 3 additions for each output of n taps    instead of n multiply-adds
///
/// Only values of its own window enter a sum. So it errs no more than any sum of them does, and
/// whole numbers stay exact; a running sum would keep the rounding of values that have left it.
namespace faltung::cuda::separable {

/// Fewer taps than this are summed one by one.
inline constexpr int min_equal_taps = 20;

/// Calls f with a constant: `value`, which is below `count`.
template <int count, typename F>
__device__ __forceinline__ void with_constant(int value, const F& f) {
  if constexpr (count > 1) {
    if (value != count - 1) return with_constant<count - 1>(value, f);
  }
  f(std::integral_constant<int, count - 1>{});
}

/// Whether a line of taps is long enough, and all are equal; for all threads of the block.
template <typename Acc>
__device__ __forceinline__ bool are_equal(Shared<Acc> taps, int count) {
  if (count < min_equal_taps) return false;
  const Acc first = taps[0];
  bool equal = true;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < count; i += threads) {
    const Acc tap = taps[i];
    equal = equal && tap == first;
  }
  return __syncthreads_and(equal) != 0;
}

template <typename Acc, int size>
__device__ __forceinline__ void add(Vec<Acc, size>& to, const Vec<Acc, size>& values) {
#pragma unroll
  for (int i = 0; i < size; ++i) to[i] += values[i];
}

/// sum[m] = tap (x[first + m] + ... + x[first + m + count - 1]). `x` is aligned to vectors, of
/// which all are readable that hold one of the values; first is below a vector, count not below
/// min_equal_taps.
template <typename Acc, int run = Shape<sizeof(Acc)>::run>
__device__ __forceinline__ void sum_equal_row(Shared<Acc> x, int first, int count, Acc tap,
                                              Acc (&sum)[run]) {
  constexpr int vector = Shape<sizeof(Acc)>::vector;
  static_assert(run + vector <= min_equal_taps);
  Vec<Acc, vector> shared{};  // by all windows
  int at = 0;
  with_constant<vector>(first, [&](auto constant) {
    constexpr int begin = decltype(constant)::value;
    constexpr int end = begin + run - 1;
    constexpr int loaded = (end + vector - 1) / vector;
    Vec<Acc, vector> values[loaded];
#pragma unroll
    for (int i = 0; i < loaded; ++i) values[i] = x.template load<vector>(i * vector);
    Acc before{};
    sum[run - 1] = before;
#pragma unroll
    for (int i = end; i-- > begin;) {
      before += values[i / vector][i % vector];
      sum[i - begin] = before;
    }
#pragma unroll
    for (int i = end; i < loaded * vector; ++i) {
      shared[i % vector] += values[i / vector][i % vector];
    }
    at = loaded * vector;
  });
  const int end = first + count;
#pragma unroll 2
  for (; at + vector <= end; at += vector) add(shared, x.template load<vector>(at));
  Acc total = shared[0];
#pragma unroll
  for (int i = 1; i < vector; ++i) total += shared[i];
  with_constant<vector>(end - at, [&](auto constant) {
    constexpr int begin = decltype(constant)::value;
    constexpr int loaded = (begin + run - 1 + vector - 1) / vector;
    Vec<Acc, vector> values[loaded];
#pragma unroll
    for (int i = 0; i < loaded; ++i) values[i] = x.template load<vector>(at + i * vector);
#pragma unroll
    for (int i = 0; i < begin; ++i) total += values[i / vector][i % vector];
#pragma unroll
    for (int m = 0; m < run; ++m) {
      sum[m] = tap * (sum[m] + total);
      if (m + 1 < run) total += values[(begin + m) / vector][(begin + m) % vector];
    }
  });
}

/// sum[m] += tap (h[m] + ... + h[m + count - 1]), for neighbouring columns h of the ring.
template <typename Acc, int rows = Shape<sizeof(Acc)>::rows, int columns>
__device__ __forceinline__ void sum_equal_column(RingCursor<Acc> h, int count, Acc tap,
                                                 Vec<Acc, columns> (&sum)[rows]) {
  static_assert(rows <= min_equal_taps);
  const auto next = [&] {
    const auto values = h.column.template load<columns>(h.at);
    h.at += h.pitch;
    if (h.at == h.end) h.at = 0;
    return values;
  };
  Vec<Acc, columns> before[rows] = {};
#pragma unroll
  for (int m = 0; m + 1 < rows; ++m) before[m] = next();
#pragma unroll
  for (int m = rows - 1; m-- > 0;) add(before[m], before[m + 1]);
  Vec<Acc, columns> total{};
#pragma unroll 4
  for (int i = rows - 1; i < count; ++i) add(total, next());
#pragma unroll
  for (int m = 0; m < rows; ++m) {
    if (m > 0) add(total, next());
#pragma unroll
    for (int v = 0; v < columns; ++v) {
      sum[m][v] = multiply_add(tap, before[m][v] + total[v], sum[m][v]);
    }
  }
}

}  // namespace faltung::cuda::separable
