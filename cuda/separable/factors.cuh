#pragma once

#include "cuda/separable/separable_arguments.cuh"
#include "cuda/separable/separable_policy.hpp"

/// The factors of an outer product, from its taps. With the largest tap p at i, j, k:
///
///     w[z,y,x] = u[z] v[y] c[x]    u[z] = w[z,j,k] / g    v[y] = w[i,y,k] / h    c[x] = w[i,j,x] g
///     h / p p
///
/// g and h are the greatest numbers that divide their lines into whole ones, if there are such
/// numbers (always for integers): then an exact outer product gets exact factors. Else they are p.
namespace faltung::cuda::separable {

template <typename Acc>
__device__ __forceinline__ Acc magnitude(Acc value) {
  if constexpr (std::is_integral_v<Acc>) {
    return static_cast<std::make_signed_t<Acc>>(value) < 0 ? Acc{0} - value : value;
  } else {
    return value < 0 ? -value : value;
  }
}

/// a / b; of integers, which are two's complement, the quotient rounded to zero.
template <typename Acc>
__device__ __forceinline__ Acc quotient(Acc a, Acc b) {
  if constexpr (std::is_integral_v<Acc>) {
    const Acc size = magnitude(a) / magnitude(b);
    using Signed = std::make_signed_t<Acc>;
    return (static_cast<Signed>(a) < 0) != (static_cast<Signed>(b) < 0) ? Acc{0} - size : size;
  } else {
    return a / b;
  }
}

/// A number that divides both of two, or none if it is less than `min`.
template <typename Acc>
struct Measure {
  Acc value{};  ///< not negative; 0 divides into everything
  bool exists = true;
};
template <typename Acc>
__device__ __forceinline__ Measure<Acc> common_measure(Measure<Acc> a, Measure<Acc> b, Acc min) {
  if (!a.exists || !b.exists) return {Acc{}, false};
  while (b.value != 0) {
    if (b.value < min) return {Acc{}, false};
    Acc rest{};
    if constexpr (std::is_integral_v<Acc>) {
      rest = a.value % b.value;
    } else {
      // Exact: the quotient is whole and small, and the rest no finer than a and b.
      const Acc times = static_cast<Acc>(rint(a.value / b.value));
      rest = magnitude(multiply_add(-times, b.value, a.value));
    }
    a.value = b.value;
    b.value = rest;
  }
  return a;
}

/// The measure of `count` values; a whole warp.
template <typename Acc>
__device__ __forceinline__ Measure<Acc> measure_line(Shared<Acc> line, int count, Acc pivot) {
  constexpr unsigned all = 0xffffffffu;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  Acc min{};
  if constexpr (!std::is_integral_v<Acc>) min = magnitude(pivot) / 4096;
  Measure<Acc> measure;
#pragma unroll 1
  for (int i = lane; i < count; i += 32) {
    const Acc value = line[i];
    const Measure<Acc> other{magnitude(value), true};
    // The larger first: quotients stay below 4096 as remainders do not fall below `min`.
    measure = measure.value < other.value ? common_measure(other, measure, min)
                                          : common_measure(measure, other, min);
  }
#pragma unroll 1
  for (int distance = 16; distance > 0; distance /= 2) {
    Measure<Acc> other;
    other.value = __shfl_xor_sync(all, measure.value, distance);
    other.exists = __shfl_xor_sync(all, static_cast<int>(measure.exists), distance) != 0;
    measure = measure.value < other.value ? common_measure(other, measure, min)
                                          : common_measure(measure, other, min);
  }
  return measure;
}

template <typename Acc>
struct Factors {
  Shared<Acc> line[max_rank];  ///< taps of each axis, of the first outer product
  int step[max_rank] = {};     ///< to those of the next
  __device__ __forceinline__ Shared<Acc> of(int axis, int term) const {
    return line[axis] + term * step[axis];
  }
};

/// Where a tap lies, and its magnitude.
template <typename Acc>
struct Pivot {
  Acc size{};
  int at = 0;
  __device__ __forceinline__ void meet(Acc other_size, int other) {
    if (other_size > size || (other_size == size && other < at)) {
      size = other_size;
      at = other;
    }
  }
};

/// The first of the largest of so many taps, for all threads; `finite` becomes false if one is no
/// number.
///
/// @param tap_of  number -> Acc
template <typename Acc, typename Tap>
__device__ Pivot<Acc> find_pivot(int taps, const Tap& tap_of, bool& finite) {
  constexpr unsigned all = 0xffffffffu;
  FALTUNG_SHARED(Acc, sizes, threads / 32);
  FALTUNG_SHARED(int, places, threads / 32);
  const int thread = static_cast<int>(threadIdx.x);
  Pivot<Acc> pivot;
  bool good = true;
#pragma unroll 1
  for (int i = thread; i < taps; i += threads) {
    const Acc tap = tap_of(i);
    good = good && is_finite(tap);
    pivot.meet(magnitude(tap), i);
  }
#pragma unroll 1
  for (int distance = 16; distance > 0; distance /= 2) {
    const Acc size = __shfl_xor_sync(all, pivot.size, distance);
    const int at = __shfl_xor_sync(all, pivot.at, distance);
    pivot.meet(size, at);
  }
  if (thread % 32 == 0) {
    sizes[thread / 32] = pivot.size;
    places[thread / 32] = pivot.at;
  }
  finite = __syncthreads_and(good) != 0;
#pragma unroll 1
  for (int i = 0; i < threads / 32; ++i) {
    const Acc size = sizes[i];
    const int at = places[i];
    pivot.meet(size, at);
  }
  return pivot;
}

/// Puts the factors of channel k, an outer product, into shared memory. Whether every tap is their
/// product, within the tolerance; the same answer for all threads, which then see the factors. The
/// block calls it as a whole, with the factors of the strip before no longer in use.
template <typename Acc>
__device__ __forceinline__ bool find_product(const Arguments& a, std::int64_t k,
                                             const Factors<Acc>& f) {
  FALTUNG_SHARED(Acc, measures, max_rank);
  const int extent[] = {static_cast<int>(a.geometry.axis[0].filter),
                        static_cast<int>(a.geometry.axis[1].filter),
                        static_cast<int>(a.geometry.axis[2].filter)};
  const int thread = static_cast<int>(threadIdx.x);
  const int taps = extent[0] * extent[1] * extent[2];
  bool finite = true;
  const Pivot<Acc> pivot = find_pivot<Acc>(
      taps,
      [&](int i) {
        return tap_at<Acc>(a, k, i / (extent[1] * extent[2]), i / extent[2] % extent[1],
                           i % extent[2]);
      },
      finite);
  if (!finite) return false;
  const int place[] = {pivot.at / (extent[1] * extent[2]), pivot.at / extent[2] % extent[1],
                       pivot.at % extent[2]};
#pragma unroll 1
  for (int axis = 0; axis < max_rank; ++axis) {
#pragma unroll 1
    for (int i = thread; i < extent[axis]; i += threads) {
      f.line[axis][i] = tap_at<Acc>(a, k, axis == 0 ? i : place[0], axis == 1 ? i : place[1],
                                    axis == 2 ? i : place[2]);
    }
  }
  const Acc largest = tap_at<Acc>(a, k, place[0], place[1], place[2]);
  __syncthreads();
  if (thread / 32 < max_rank - 1) {
    const int axis = thread / 32;
    const Measure<Acc> measure = measure_line<Acc>(f.line[axis], extent[axis], pivot.size);
    // A factor of one tap becomes 1: a missing axis is not summed along.
    const bool whole = measure.exists && extent[axis] > 1;
    if (thread % 32 == 0) measures[axis] = whole ? measure.value : largest;
  }
  __syncthreads();
  if (pivot.size != 0) {
#pragma unroll 1
    for (int axis = 0; axis < max_rank - 1; ++axis) {
      const Acc measure = measures[axis];
#pragma unroll 1
      for (int i = thread; i < extent[axis]; i += threads) {
        const Acc tap = f.line[axis][i];
        f.line[axis][i] = quotient(tap, measure);
      }
    }
    const Acc first = quotient(largest, Acc{measures[0]});
    const Acc second = quotient(largest, Acc{measures[1]});
#pragma unroll 1
    for (int i = thread; i < extent[2]; i += threads) {
      const Acc tap = f.line[2][i];
      f.line[2][i] = quotient(quotient(tap, first), second);
    }
  }
  __syncthreads();
  bool good = true;
#pragma unroll 1
  for (int i = thread; i < taps; i += threads) {
    const int z = i / (extent[1] * extent[2]), y = i / extent[2] % extent[1], x = i % extent[2];
    const Acc tap = tap_at<Acc>(a, k, z, y, x);
    const Acc u = f.line[0][z];
    const Acc v = f.line[1][y];
    const Acc c = f.line[2][x];
    if constexpr (std::is_integral_v<Acc>) {
      good = good && u * v * c == tap;
    } else {
      const Acc allowed = static_cast<Acc>(a.tolerance.relative) * magnitude(tap) +
                          static_cast<Acc>(a.tolerance.absolute);
      good = good && magnitude(u * v * c - tap) <= allowed;
    }
  }
  return __syncthreads_and(good) != 0;
}

}  // namespace faltung::cuda::separable
