#pragma once

#include "cuda/depthwise/depthwise_geometry.hpp"
#include "cuda/primitives/operands.cuh"

/// What the kernels of this folder share. x, w and y hold elements of one type T; sums are formed
/// in Sum<T>.
namespace faltung::cuda::depthwise {

struct Arguments : Operands {
  Geometry geometry;
};

template <typename T>
using Sum = std::conditional_t<sizeof(T) == 8, double, float>;

template <typename T>
__device__ __forceinline__ Sum<T> to_sum(T value) {
  if constexpr (std::is_same_v<T, double>) {
    return value;
  } else {
    return to_float(value);
  }
}

template <typename T>
__device__ __forceinline__ T from_sum(Sum<T> value) {
  if constexpr (std::is_same_v<T, double>) {
    return value;
  } else {
    return from_float<T>(value);
  }
}

/// Stores one sum as element `index` of y.
template <typename T>
__device__ __forceinline__ void finish(const Arguments& a, Sum<T> sum, std::int64_t channel,
                                       std::int64_t index) {
  if (a.epilogue.plain) {
    a.y.template as<T>()[index] = from_sum<T>(sum);
  } else {
    finish_element(a.epilogue, sum, channel, a.y, a.y_type, index);
  }
}

/// The bias of a channel, 0 without.
__device__ __forceinline__ double load_bias(const EpilogueArguments& e, std::int64_t channel) {
  return e.bias.data() == nullptr ? 0 : load_element<double>(e.bias, e.bias_type, channel);
}

/// What a light epilogue (see light_epilogue) makes of one sum, rounded once.
template <typename T>
__device__ __forceinline__ T light_result(const EpilogueArguments& e, Sum<T> sum, double bias) {
  if (e.plain) return from_sum<T>(sum);
  double value = e.alpha * static_cast<double>(sum) + bias;
  if (e.activation == ActivationKind::relu) value = value < 0 ? 0.0 : value;  // NaN stays NaN
  if (e.activation == ActivationKind::leaky_relu) value = value < 0 ? e.a * value : value;
  if (e.activation == ActivationKind::clamp) {
    value = value < e.a ? e.a : value > e.b ? e.b : value;
  }
  if constexpr (sizeof(T) == 8) {
    return value;
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(value);
  } else {
    return from_float<T>(round_to_odd(value));
  }
}

/// X at a place; 0 where nothing stands.
template <typename T>
__device__ __forceinline__ Sum<T> value_at(Global<const T> x, const Place& place) {
  if (place.what == Stands::element) return to_sum<T>(x[place.offset]);
  return place.what == Stands::constant ? static_cast<Sum<T>>(place.side->real) : Sum<T>{};
}

}  // namespace faltung::cuda::depthwise
