#pragma once

#include "cpp/core/masked_passes.hpp"
#include "cuda/primitives/element.cuh"

namespace faltung::cuda::masked {

inline constexpr int threads = 256;
inline constexpr int max_axes = 8;

/// Elements of tensors of one shape, axes that lie one behind the other in all of them joined;
/// strides in elements.
struct Elements {
  int axes = 0;
  std::int64_t count = 0;  ///< of all
  std::int64_t extent[max_axes] = {}, first[max_axes] = {}, second[max_axes] = {};
};

/// Where an element stands in two of them.
struct Offsets {
  std::int64_t first = 0, second = 0;
};
__device__ __forceinline__ Offsets offsets_of(const Elements& e, std::int64_t number) {
  Offsets at;
  for (int axis = e.axes; axis-- > 0;) {
    const std::int64_t rest = axis == 0 ? 0 : number / e.extent[axis];
    const std::int64_t index = number - rest * e.extent[axis];
    at.first += index * e.first[axis];
    at.second += index * e.second[axis];
    number = rest;
  }
  return at;
}

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

template <typename T>
struct QuotientArguments {
  Elements elements;  ///< of y, and of x
  Global<const T> divisors, counts;
  Global<T> sums;  ///< y may be these
  Global<const unsigned char> x;
  Global<unsigned char> y;
  DType x_type = DType::f32, y_type = DType::f32;
  faltung::masked::Quotient<T> q = {};
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
    bool empty = false;
    if (a.divisors.data() != nullptr) {
      const T divisor = a.divisors[i] * a.q.tap, magnitude = divisor < 0 ? -divisor : divisor;
      empty = !(magnitude > a.q.vanishing) || divisor * a.q.sign < a.q.least ||
              (a.counts.data() != nullptr && a.counts[i] < a.q.fewest);
      result = empty ? a.q.fill : result / divisor * a.q.gain;
    } else if (a.scaled) {
      result = result / a.q.sum * a.q.gain;
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

}  // namespace faltung::cuda::masked
