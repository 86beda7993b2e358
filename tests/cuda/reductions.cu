#include "tests/cuda/reductions.hpp"

#include <thrust/count.h>
#include <thrust/execution_policy.h>
#include <thrust/functional.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/sort.h>
#include <thrust/transform_reduce.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "cpp/core/boundary_map.hpp"

namespace faltung::test {
namespace {

// NaN or infinity of a format, by its bits: all of the exponent is set, and some of the fraction or
// none.
template <typename Bits>
struct HasBits {
  Bits exponent, fraction;
  bool nan;
  FALTUNG_HOST_DEVICE bool operator()(Bits bits) const {
    return (bits & exponent) == exponent && ((bits & fraction) != 0) == nan;
  }
};

template <typename Bits>
NonFinite count(const ConstTensorView& view, Bits exponent, Bits fraction) {
  const auto* bits = static_cast<const Bits*>(view.data);
  const auto* end = bits + element_count(view.shape);
  return {thrust::count_if(thrust::device, bits, end, HasBits<Bits>{exponent, fraction, true}),
          thrust::count_if(thrust::device, bits, end, HasBits<Bits>{exponent, fraction, false})};
}

template <typename T>
struct Difference {
  const T* a;
  const T* b;
  FALTUNG_HOST_DEVICE double operator()(std::int64_t i) const {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    return a[i] == b[i] ? 0 : difference < 0 ? -difference : difference;
  }
};

// NaN wins.
struct Larger {
  FALTUNG_HOST_DEVICE double operator()(double a, double b) const {
    return a != a || a > b ? a : b;
  }
};

template <typename T>
double difference(const ConstTensorView& a, const ConstTensorView& b) {
  const thrust::counting_iterator<std::int64_t> first(0);
  return thrust::transform_reduce(
      thrust::device, first, first + element_count(a.shape),
      Difference<T>{static_cast<const T*>(a.data), static_cast<const T*>(b.data)}, 0.0, Larger{});
}

}  // namespace

NonFinite count_non_finite(const ConstTensorView& view) {
  if (!is_compact(view)) throw std::invalid_argument("numbers are counted in compact tensors");
  switch (view.dtype) {
    case DType::f16:
      return count<std::uint16_t>(view, 0x7c00, 0x03ff);
    case DType::bf16:
      return count<std::uint16_t>(view, 0x7f80, 0x007f);
    case DType::f32:
      return count<std::uint32_t>(view, 0x7f80'0000, 0x007f'ffff);
    case DType::f64:
      return count<std::uint64_t>(view, 0x7ff0'0000'0000'0000, 0x000f'ffff'ffff'ffff);
    default:
      throw std::invalid_argument("numbers of this type are all finite, or have parts");
  }
}

double largest_difference(const ConstTensorView& a, const ConstTensorView& b) {
  if (!is_compact(a) || !is_compact(b) || a.shape != b.shape || a.dtype != b.dtype) {
    throw std::invalid_argument("compact tensors of one shape and type are compared");
  }
  if (a.dtype == DType::f32) return difference<float>(a, b);
  if (a.dtype == DType::f64) return difference<double>(a, b);
  throw std::invalid_argument("tensors of f32 or f64 are compared");
}

void sort_numbers(std::vector<std::int64_t>& numbers) {
  thrust::sort(thrust::host, numbers.begin(), numbers.end());
}

}  // namespace faltung::test
