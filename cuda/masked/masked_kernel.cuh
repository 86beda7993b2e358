#pragma once

#include "cpp/core/masked_passes.hpp"
#include "cuda/primitives/element.cuh"
#include "cuda/primitives/elements.cuh"

namespace faltung::cuda::masked {

inline constexpr int threads = 256;

template <typename T>
struct LoadArguments {
  Elements elements;  ///< of x, and of the weights that are given
  Global<const unsigned char> x;
  DType x_type = DType::f32;
  Global<const T> given;  ///< or null
  Global<T> values, weights;
  bool missing = false, replaced = false;
  T replacement = 0;
};

/// Values and weights, each element once.
///
///   grid    x: pieces of `threads` elements, as often as needed
template <typename T>
__global__ void __launch_bounds__(threads) load_kernel(const __grid_constant__ LoadArguments<T> a) {
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < a.elements.count;
       i += step) {
    const Offsets at = offsets_of(a.elements, i);
    T value = load_element<T>(a.x, a.x_type, at.first);
    T weight = a.given.data() == nullptr ? T{1} : a.given[at.second];
    const bool nan = value != value;
    if (nan && a.missing) weight = 0;
    if (nan && a.replaced) value = a.replacement;
    a.values[i] = weight == 0 ? T{0} : value * weight;
    if (a.weights.data() != nullptr) a.weights[i] = weight;
  }
}

/// Whether results are empty, and their divisors.
template <typename T>
struct Divisors {
  Global<const T> divisors, counts;  ///< or null
  faltung::masked::Quotient<T> q = {};

  [[nodiscard]] __device__ __forceinline__ bool given() const { return divisors.data() != nullptr; }
  __device__ __forceinline__ T at(std::int64_t i) const {
    return given() ? divisors[i] * q.tap : q.sum;
  }
  __device__ __forceinline__ bool is_empty(std::int64_t i, T divisor) const {
    if (!given()) return false;
    const T magnitude = divisor < 0 ? -divisor : divisor;
    return !(magnitude > q.vanishing) || divisor * q.sign < q.least ||
           (counts.data() != nullptr && counts[i] < q.fewest);
  }
};

template <typename T>
struct QuotientArguments {
  Elements elements;  ///< of y, and of x
  Divisors<T> by;
  Global<T> sums;  ///< y may be these
  Global<const unsigned char> x;
  Global<unsigned char> y;
  DType x_type = DType::f32, y_type = DType::f32;
  faltung::masked::OriginalRule originals;
  bool scaled = false;  ///< results without a divisor of their own are not the sums themselves
};

/// Not inlined: results of another type than the sums are the rarer ones.
template <typename T>
__device__ __noinline__ void store_converted(Global<unsigned char> y, DType type, std::int64_t at,
                                             T value) {
  store_element(y, type, at, static_cast<double>(value), StoreRule{});
}

/// Results, each once.
///
///   grid    x: pieces of `threads` elements, as often as needed
template <typename T>
__global__ void __launch_bounds__(threads)
    divide_kernel(const __grid_constant__ QuotientArguments<T> a) {
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < a.elements.count;
       i += step) {
    const Offsets at = offsets_of(a.elements, i);
    T result = a.sums[i];
    const T divisor = a.by.at(i);
    const bool empty = a.by.is_empty(i, divisor);
    if (empty) {
      result = a.by.q.fill;
    } else if (a.scaled || a.by.given()) {
      result = result / divisor * a.by.q.gain;
    }
    if (a.x.data() != nullptr && (a.originals.preserves || empty)) {
      const T original = load_element<T>(a.x, a.x_type, at.second);
      const bool fills = empty && a.originals.fills;
      if (fills || (a.originals.preserves && original != original)) result = original;
    }
    if (a.y_type == native_type<T>) {
      a.y.template as<T>()[at.first] = result;
    } else {
      store_converted(a.y, a.y_type, at.first, result);
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(threads) count_kernel(Global<T> weights, std::int64_t count) {
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count; i += step) {
    weights[i] = weights[i] > 0 ? T{1} : T{0};
  }
}

template <typename T>
struct BackwardArguments {
  Elements elements;  ///< of x, and of nothing
  Divisors<T> by;
  Global<T> gradient, sums, through;
  Global<const unsigned char> x;
  DType x_type = DType::f32;
  faltung::masked::OriginalRule originals;
  Global<double> totals;
};

/// The sum over a block's threads, in thread 0; the same order each time.
__device__ __forceinline__ double sum_of_block(double value, Shared<double> sums) {
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_down_sync(~0u, value, distance);
  }
  if (threadIdx.x % 32 == 0) sums[static_cast<int>(threadIdx.x / 32)] = value;
  __syncthreads();
  double sum = 0;
  if (threadIdx.x == 0) {
    for (int warp = 0; warp < threads / 32; ++warp) sum += sums[warp];
  }
  __syncthreads();
  return sum;
}

/// Gradients through the quotients, each once, and the block's part of both totals.
///
///   grid    x: total_pairs blocks at most, each with a pair
template <typename T>
__global__ void __launch_bounds__(threads)
    backward_kernel(const __grid_constant__ BackwardArguments<T> a) {
  FALTUNG_SHARED(double, warps, threads / 32);
  double of_gain = 0, of_divisors = 0;
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < a.elements.count;
       i += step) {
    const T g = a.gradient[i], divisor = a.by.at(i);
    const bool empty = a.by.is_empty(i, divisor);
    bool preserved = false;
    if (a.originals.preserves) {
      const T original = load_element<T>(a.x, a.x_type, offsets_of(a.elements, i).first);
      preserved = original != original;
    }
    if (a.through.data() != nullptr) {
      a.through[i] = empty && a.originals.fills && !preserved ? g : T{0};
    }
    T of_sum = 0, of_divisor = 0;
    if (!empty && !preserved) {
      const T quotient = a.sums[i] / divisor;
      of_gain += static_cast<double>(g) * static_cast<double>(quotient);
      of_sum = g * a.by.q.gain / divisor;
      of_divisor = of_sum * quotient;
    }
    a.gradient[i] = of_sum;
    a.sums[i] = of_divisor;
    of_divisors += static_cast<double>(of_divisor);
  }
  of_gain = sum_of_block(of_gain, warps);
  of_divisors = sum_of_block(of_divisors, warps);
  if (threadIdx.x != 0) return;
  a.totals[2 * std::int64_t{blockIdx.x}] = of_gain;
  a.totals[2 * std::int64_t{blockIdx.x} + 1] = of_divisors;
}

template <typename T>
struct DataGradientArguments {
  Elements elements;  ///< of dx, and of x
  Global<const T> values, weights, through;
  Global<const unsigned char> replaced;
  Global<unsigned char> dx;
  DType x_type = DType::f32;  ///< of both
};

/// Each element once.
template <typename T>
__global__ void __launch_bounds__(threads)
    data_gradient_kernel(const __grid_constant__ DataGradientArguments<T> a) {
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < a.elements.count;
       i += step) {
    const Offsets at = offsets_of(a.elements, i);
    T value = a.values[i];
    if (a.weights.data() != nullptr) {
      const T weight = a.weights[i];
      value = weight == 0 ? T{0} : value * weight;
    }
    if (a.replaced.data() != nullptr) {
      const T original = load_element<T>(a.replaced, a.x_type, at.second);
      if (original != original) value = 0;
    }
    if (a.through.data() != nullptr) value += a.through[i];
    if (a.x_type == native_type<T>) {
      a.dx.template as<T>()[at.first] = value;
    } else {
      store_converted(a.dx, a.x_type, at.first, value);
    }
  }
}

template <typename T>
struct FilterGradientArguments {
  Elements elements;  ///< of dw, and of nothing
  Global<const T> sums, divisors;
  Global<const double> totals;
  Global<T> dw;
  bool gains = false;
};

/// Each tap once. All blocks add up the totals, of which there are few, in the same order.
template <typename T>
__global__ void __launch_bounds__(threads)
    filter_gradient_kernel(const __grid_constant__ FilterGradientArguments<T> a) {
  FALTUNG_SHARED(double, warps, threads / 32);
  FALTUNG_SHARED(double, both, 1);
  static_assert(threads == faltung::masked::total_pairs);
  const std::int64_t pair = 2 * std::int64_t{threadIdx.x};
  const double of_gain = sum_of_block(a.gains ? a.totals[pair] : 0.0, warps);
  const double rest = sum_of_block(a.divisors.data() == nullptr ? a.totals[pair + 1] : 0.0, warps);
  if (threadIdx.x == 0) both[0] = of_gain - rest;
  __syncthreads();
  const T each = static_cast<T>(both[0]);
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < a.elements.count;
       i += step) {
    const T other = a.divisors.data() == nullptr ? T{0} : a.divisors[i];
    a.dw[offsets_of(a.elements, i).first] = a.sums[i] - other + each;
  }
}

}  // namespace faltung::cuda::masked
