#pragma once

#include "cuda/primitives/definition.cuh"
#include "cuda/primitives/epilogue.cuh"
#include "cuda/primitives/geometry.hpp"

namespace faltung::cuda {

/// The tensors of one run, their types, and how sums become results.
struct Operands {
  Global<const unsigned char> x, w;
  Global<unsigned char> y;
  DType x_type = DType::f32, w_type = DType::f32, y_type = DType::f32;
  DType accumulator = DType::f32;
  EpilogueArguments epilogue;
};

inline Global<const unsigned char> bytes_at(const void* data) {
  return Global<const unsigned char>(static_cast<const unsigned char*>(data));
}
inline Global<unsigned char> bytes_at(void* data) {
  return Global<unsigned char>(static_cast<unsigned char*>(data));
}

/// X at a place of an image that starts at element `image`; 0 where nothing stands.
template <typename Acc>
__device__ __forceinline__ Acc value_at(const Operands& a, const Place& place, std::int64_t image) {
  return value_at<Acc>(a.x, a.x_type, place, image);
}

}  // namespace faltung::cuda
