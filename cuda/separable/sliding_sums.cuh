#pragma once

#include <type_traits>
#include <utility>

#include "cuda/primitives/arithmetic.cuh"
#include "cuda/primitives/memory.cuh"
#include "cuda/separable/separable_policy.hpp"

/// Sums of one factor along rows and columns that lie in shared memory. Values slide through
/// registers: each is read once for all outputs of a thread that it meets.
namespace faltung::cuda::separable {

/// Calls step(0), step(1), ... step(count - 1), each a constant, over and over while they are true.
template <typename Step, int... phase>
__device__ __forceinline__ void cycle(std::integer_sequence<int, phase...>, const Step& step) {
#pragma unroll 1
  while ((step(std::integral_constant<int, phase>{}) && ...)) {
  }
}

/// sum[m] = sum over the taps j of taps[j] x[m + j]. `x` and `taps` are aligned to vectors; of x
/// all whole vectors are readable that hold one of its run + count - 1 values.
template <typename Acc, int run = Shape<sizeof(Acc)>::run>
__device__ __forceinline__ void sum_row(Shared<Acc> x, Shared<Acc> taps, int count,
                                        Acc (&sum)[run]) {
  constexpr int vector = Shape<sizeof(Acc)>::vector;
  constexpr int kept = run / vector + 1;
  Vec<Acc, vector> window[kept];
#pragma unroll
  for (int i = 0; i + 1 < kept; ++i) window[i] = x.template load<vector>(i * vector);
  x = x + run;
  cycle(std::make_integer_sequence<int, kept>{}, [&](auto constant) {
    constexpr int phase = decltype(constant)::value;
    if (count <= 0) return false;
    const auto w = taps.template load<vector>(0);
    const auto add = [&](int tap) {
#pragma unroll
      for (int m = 0; m < run; ++m) {
        const int i = tap + m;
        sum[m] = multiply_add(w[tap], window[(phase + i / vector) % kept][i % vector], sum[m]);
      }
    };
    if (count > 1) window[(phase + kept - 1) % kept] = x.template load<vector>(0);
    add(0);
    if (count >= vector) {
#pragma unroll
      for (int tap = 1; tap < vector; ++tap) add(tap);
    } else {
#pragma unroll
      for (int tap = 1; tap + 1 < vector; ++tap) {
        if (tap < count) add(tap);
      }
    }
    count -= vector;
    taps = taps + vector;
    x = x + vector;
    return true;
  });
}

/// The sums along the rows: a thread's columns, from one of the rows on.
template <typename Acc>
struct RingCursor {
  Shared<Acc> column;  ///< in row 0
  int at;              ///< offset of the row; in a ring the number of the first is a multiple of 8
  int pitch;
  int end;  ///< of the ring, past a multiple of 8 rows; 0: they are none
};

/// sum[m] = sum over the taps j of taps[j] h[m + j], for neighbouring columns h of the ring.
template <typename Acc, int rows = Shape<sizeof(Acc)>::rows, int columns>
__device__ __forceinline__ void sum_column(RingCursor<Acc> h, Shared<Acc> taps, int count,
                                           Vec<Acc, columns> (&sum)[rows]) {
  static_assert(rows == 8 || rows == 4 || rows == 2, "whole vectors of taps to a round");
  constexpr int vector = Shape<sizeof(Acc)>::vector;
  constexpr int chunk = vector < rows ? vector : rows;  // of taps
  Vec<Acc, columns> window[rows];
#pragma unroll
  for (int i = 0; i + 1 < rows; ++i) {
    window[i] = h.column.template load<columns>(h.at);
    h.at += h.pitch;
  }
  cycle(std::make_integer_sequence<int, rows / chunk>{}, [&](auto constant) {
    constexpr int first = decltype(constant)::value * chunk;
    if (count <= 0) return false;
    const auto w = taps.template load<chunk>(0);
    const auto add = [&](int tap) {
      if (rows == 8 && first + tap == 1 && h.at == h.end) h.at = 0;
      window[(first + tap + rows - 1) % rows] = h.column.template load<columns>(h.at);
      h.at += h.pitch;
#pragma unroll
      for (int m = 0; m < rows; ++m) {
#pragma unroll
        for (int v = 0; v < columns; ++v) {
          sum[m][v] = multiply_add(w[tap], window[(first + tap + m) % rows][v], sum[m][v]);
        }
      }
    };
    if (count >= chunk) {
#pragma unroll
      for (int tap = 0; tap < chunk; ++tap) add(tap);
    } else {
#pragma unroll
      for (int tap = 0; tap + 1 < chunk; ++tap) {
        if (tap < count) add(tap);
      }
    }
    count -= chunk;
    taps = taps + chunk;
    return true;
  });
}

}  // namespace faltung::cuda::separable
