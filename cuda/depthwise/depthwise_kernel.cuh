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

/// X of one plane where it may lie outside.
template <typename T>
__device__ __forceinline__ T extended_element(const Geometry& g, Global<const T> plane,
                                              std::int64_t y, std::int64_t x) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  if (y >= 0 && y < ay.input && x >= 0 && x < ax.input) return plane[y * ay.x_stride + x];
  const Place place = place_along(ax, place_along(ay, Place{}, y), x);
  if (place.what == Stands::element) return plane[place.offset];
  if (place.what == Stands::constant) return from_float<T>(static_cast<float>(place.side->real));
  return T{};
}

/// Whether none of `columns` columns from x on, not all of them inside, stands for anything.
__device__ __forceinline__ bool meets_nothing(const Geometry& g, std::int64_t y, std::int64_t x,
                                              int columns) {
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  if (y < 0 || y >= ay.input) {
    if ((y < 0 ? ay.below : ay.above).kind == BoundaryKind::zero) return true;
    if (ax.input == 0 || (y < 0 ? ay.below : ay.above).kind == BoundaryKind::constant) return false;
  }
  return (x + columns <= 0 && ax.below.kind == BoundaryKind::zero) ||
         (x >= ax.input && ax.above.kind == BoundaryKind::zero);
}

}  // namespace faltung::cuda::depthwise
