#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include <faltung/tensor.hpp>

/// Two tensors of one shape, element by element.
namespace faltung::cuda {

/// Elements of tensors of one shape, axes that lie one behind the other in all of them joined;
/// strides in elements.
struct Elements {
  static constexpr int max_axes = 8;
  int axes = 0;
  std::int64_t count = 0;  ///< of all
  std::int64_t extent[max_axes] = {}, first[max_axes] = {}, second[max_axes] = {};
};

/// @param second  strides of the second tensor, or of none
inline Elements elements_of(const Shape& shape, const Strides& first, const Strides& second) {
  Elements e;
  e.count = element_count(shape);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    const std::int64_t a = first[i], b = second.empty() ? 0 : second[i];
    const int last = e.axes - 1;
    if (last >= 0 && e.first[last] == a * shape[i] && e.second[last] == b * shape[i]) {
      e.extent[last] *= shape[i];
      e.first[last] = a;
      e.second[last] = b;
      continue;
    }
    e.extent[e.axes] = shape[i];
    e.first[e.axes] = a;
    e.second[e.axes++] = b;
  }
  return e;
}

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

}  // namespace faltung::cuda
