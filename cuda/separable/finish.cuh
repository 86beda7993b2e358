#pragma once

#include "cuda/separable/separable_arguments.cuh"
#include "cuda/separable/separable_policy.hpp"

/// The fast end of plane_kernel: sums go from registers into memory, as they are or as types of one
/// or two bytes, neighbours of a row in one access.
namespace faltung::cuda::separable {

/// The outputs of one thread: rows of neighbouring columns.
template <typename Acc>
using Block = Vec<Acc, Shape<sizeof(Acc)>::columns>[Shape<sizeof(Acc)>::rows];

/// Whether all sums are numbers of at most this magnitude.
template <typename Acc>
__device__ __forceinline__ bool all_within(double max, const Block<Acc>& sum) {
  bool within = true;
  if constexpr (!std::is_integral_v<Acc>) {
    const auto limit = static_cast<Acc>(max);
#pragma unroll
    for (int m = 0; m < Shape<sizeof(Acc)>::rows; ++m) {
#pragma unroll
      for (int v = 0; v < Shape<sizeof(Acc)>::columns; ++v) {
        within = within && fabs(sum[m][v]) <= limit;  // false for NaN
      }
    }
  }
  return within;
}

/// Of integers that wrap, the lowest bits are right; Arguments::most keeps floats within 32.
template <typename Acc>
__device__ __forceinline__ std::uint32_t to_integer(Acc value, const NarrowRule& rule) {
  if constexpr (std::is_integral_v<Acc>) {
    const auto sum = static_cast<std::int32_t>(value);
    return static_cast<std::uint32_t>(min(max(sum, rule.low), rule.high));
  } else {
    const float inside =
        min(max(value, static_cast<float>(rule.low)), static_cast<float>(rule.high));
    return static_cast<std::uint32_t>(
        static_cast<std::int32_t>(rule.nearest ? rintf(inside) : truncf(inside)));
  }
}

/// Where a thread stores its outputs.
struct BlockPlace {
  std::int64_t first;       ///< element
  std::int64_t row_stride;  ///< elements
  int rows, columns;        ///< of them that there are: a lane may own half of the last vector
};

template <typename T, typename Acc, typename Convert>
__device__ __forceinline__ void store_rows(const Arguments& a, const BlockPlace& place,
                                           const Block<Acc>& sum, const Convert& convert) {
  constexpr int columns = Shape<sizeof(Acc)>::columns;
  Global<T> y = a.y.template as<T>() + place.first;
#pragma unroll
  for (int m = 0; m < Shape<sizeof(Acc)>::rows; ++m) {
    if (m >= place.rows) break;
    Vec<T, columns> elements;
#pragma unroll
    for (int v = 0; v < columns; ++v) elements[v] = convert(Acc{sum[m][v]});
    if (place.columns >= columns) {
      y.template store<columns>(0, elements);
    } else if (place.columns > 0) {
      y[0] = elements[0];
    }
    y = y + place.row_stride;
  }
}

/// Stores sums that all_within() allows, without an epilogue.
template <typename Acc>
__device__ __forceinline__ void store_block(const Arguments& a, const BlockPlace& place,
                                            const Block<Acc>& sum) {
  if constexpr (sizeof(Acc) == 4) {
    const NarrowRule rule = a.narrow;
    switch (a.y_type) {
      case DType::u8:
      case DType::i8:
        return store_rows<std::uint8_t>(a, place, sum, [&](Acc value) {
          return static_cast<std::uint8_t>(to_integer(value, rule));
        });
      case DType::u16:
      case DType::i16:
        return store_rows<std::uint16_t>(a, place, sum, [&](Acc value) {
          return static_cast<std::uint16_t>(to_integer(value, rule));
        });
      default:
        break;
    }
  }
  if constexpr (std::is_same_v<Acc, float>) {
    if (a.y_type == DType::f16) return store_rows<Half>(a, place, sum, from_float<Half>);
    if (a.y_type == DType::bf16) return store_rows<BFloat16>(a, place, sum, from_float<BFloat16>);
  }
  store_rows<Acc>(a, place, sum, [](Acc value) { return value; });
}

}  // namespace faltung::cuda::separable
