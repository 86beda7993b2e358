#pragma once

#include <type_traits>

#include "cuda/primitives/memory.cuh"

namespace faltung::cuda {

/// A tensor in global memory: what a kernel is given for x, w and y.
template <typename T, int rank>
struct View {
  Global<T> data;
  int extent[rank] = {};             ///< elements per axis
  std::ptrdiff_t stride[rank] = {};  ///< elements between neighbours along an axis

  /// The element at one index per axis, each within its extent; T& or, for const T, its value.
  template <typename... Indices>
  __device__ __forceinline__ decltype(auto) operator()(Indices... indices) const {
#ifdef FALTUNG_EMULATOR
    emulator::check_index({static_cast<std::ptrdiff_t>(indices)...}, extent);
#endif
    return data[offset(indices...)];
  }

  /// Of that element, in elements from `data`; 64-bit whatever the indices are.
  template <typename... Indices>
  __host__ __device__ std::ptrdiff_t offset(Indices... indices) const {
    static_assert(sizeof...(Indices) == rank && (std::is_integral_v<Indices> && ...));
    const std::ptrdiff_t index[] = {static_cast<std::ptrdiff_t>(indices)...};
    std::ptrdiff_t sum = 0;
    for (int axis = 0; axis < rank; ++axis) sum += index[axis] * stride[axis];
    return sum;
  }
};

/// A view of a compact, row-major tensor.
template <typename T, typename... Extents>
__host__ View<T, sizeof...(Extents)> compact_view(T* data, Extents... extents) {
  View<T, sizeof...(Extents)> view{Global<T>(data), {static_cast<int>(extents)...}, {}};
  std::ptrdiff_t stride = 1;
  for (int axis = sizeof...(Extents) - 1; axis >= 0; --axis) {
    view.stride[axis] = stride;
    stride *= view.extent[axis];
  }
  return view;
}

template <typename T>
using View1 = View<T, 1>;
template <typename T>
using View2 = View<T, 2>;
template <typename T>
using View3 = View<T, 3>;
template <typename T>
using View4 = View<T, 4>;

}  // namespace faltung::cuda
