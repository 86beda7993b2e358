#pragma once

#include "cuda/primitives/element.cuh"
#include "cuda/primitives/place.hpp"

/// Single outputs by the definition: for places where a fast kernel cannot be sure of its own.
namespace faltung::cuda {

template <typename Acc>
__device__ __forceinline__ Acc constant_of(const Side& side) {
  if constexpr (std::is_integral_v<Acc>) {
    return static_cast<Acc>(side.integer);
  } else if constexpr (is_complex_value<Acc>) {
    return {static_cast<typename Acc::Part>(side.real), static_cast<typename Acc::Part>(side.imag)};
  } else {
    return static_cast<Acc>(side.real);
  }
}

/// X at a place of the image that starts at element `image`; 0 where nothing stands.
template <typename Acc>
__device__ __forceinline__ Acc value_at(Global<const unsigned char> x, DType type,
                                        const Place& place, std::int64_t image) {
  if (place.what == Stands::element) return load_element<Acc>(x, type, image + place.offset);
  return place.what == Stands::constant ? constant_of<Acc>(*place.side) : Acc{};
}

/// Adds the products of output `o` and one input channel; taps that meet nothing are passed over.
///
/// @param value  (Place) -> Acc, what stands there
/// @param tap    (z, y, x) -> Acc
template <typename Acc, typename Value, typename Tap>
__device__ __forceinline__ Acc add_terms(const AxisGeometry (&axis)[3], const std::int64_t (&o)[3],
                                         const Value& value, const Tap& tap, Acc sum) {
  const auto along = [&](int i, const Place& place, std::int64_t r) {
    return place_along(axis[i], place,
                       o[i] * axis[i].stride + r * axis[i].dilation - axis[i].pad_lo);
  };
  for (std::int64_t q = 0; q < axis[0].filter; ++q) {
    const Place slice = along(0, Place{}, q);
    for (std::int64_t r = 0; r < axis[1].filter; ++r) {
      const Place row = along(1, slice, r);
      for (std::int64_t s = 0; s < axis[2].filter; ++s) {
        const Place place = along(2, row, s);
        if (place.what == Stands::nothing || place.what == Stands::between) continue;
        sum = multiply_add(tap(q, r, s), value(place), sum);
      }
    }
  }
  return sum;
}

}  // namespace faltung::cuda
