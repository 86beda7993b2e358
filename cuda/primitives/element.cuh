#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include <faltung/dtype.hpp>
#include <faltung/problem.hpp>

#include "cuda/primitives/arithmetic.cuh"
#include "cuda/primitives/convert.cuh"
#include "cuda/primitives/memory.cuh"

/// Elements in memory and the values kernels compute with: the device's cpp/core/element.hpp.
/// The type of an element is known at run time, the same for all threads of a launch.
namespace faltung::cuda {

__extension__ using WideInteger = __int128;

/// The type an epilogue is computed in, so that it costs no accuracy.
template <typename Acc>
using Wide = std::conditional_t<std::is_integral_v<Acc>, WideInteger,
                                std::conditional_t<is_complex_value<Acc>, Complex<double>, double>>;

/// The element type that values of a type, and accumulators, are stored as.
template <typename Acc>
inline constexpr DType native_type = std::is_same_v<Acc, std::uint8_t>      ? DType::u8
                                     : std::is_same_v<Acc, Half>            ? DType::f16
                                     : std::is_same_v<Acc, BFloat16>        ? DType::bf16
                                     : std::is_same_v<Acc, float>           ? DType::f32
                                     : std::is_same_v<Acc, double>          ? DType::f64
                                     : std::is_same_v<Acc, Complex<float>>  ? DType::c64
                                     : std::is_same_v<Acc, Complex<double>> ? DType::c128
                                     : std::is_same_v<Acc, std::uint32_t>   ? DType::i32
                                                                            : DType::i64;

/// To float with round-to-odd, so that a second rounding to a half type is as good as one.
/// Source: Boldo & Melquiond, IEEE Trans. Computers 57 (2008) 462.
__device__ __forceinline__ float round_to_odd(double value) {
  const float nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value || value != value) return nearest;
  if (fabs(static_cast<double>(nearest)) < fabs(value)) {
    return __uint_as_float(__float_as_uint(nearest) | 1u);
  }
  return __uint_as_float((__float_as_uint(nearest) - 1u) | 1u);  // towards zero, infinity too
}

namespace detail {

/// A number of any real kind as an accumulator.
template <typename Acc, typename T>
__device__ __forceinline__ Acc from_real(T value) {
  if constexpr (is_complex_value<Acc>) {
    return {static_cast<typename Acc::Part>(value), 0};
  } else {
    return static_cast<Acc>(value);
  }
}

/// An element as a kernel reads it: bytes that it does not write take the read-only path.
template <typename T, typename Byte>
__device__ __forceinline__ T read_at(Global<Byte> data, std::int64_t index) {
  using Stored = std::conditional_t<std::is_const_v<Byte>, const T, T>;
  const T value = data.template as<Stored>()[index];
  return value;
}

template <typename Acc, typename T, typename Byte>
__device__ __forceinline__ Acc load_at(Global<Byte> data, std::int64_t index) {
  const T value = read_at<T>(data, index);
  if constexpr (is_complex_value<T>) {
    using Part = typename Acc::Part;
    return {static_cast<Part>(value.real), static_cast<Part>(value.imag)};
  } else {
    return from_real<Acc>(value);
  }
}

}  // namespace detail

/// Element `index` of an array of `type`, as an accumulator. Types that Problem::validate keeps
/// away from this accumulator give 0. `Byte` is const if the launch writes none of the array.
template <typename Acc, typename Byte>
__device__ __forceinline__ Acc load_element(Global<Byte> data, DType type, std::int64_t index) {
  switch (type) {
    case DType::i8:
      return detail::load_at<Acc, std::int8_t>(data, index);
    case DType::u8:
      return detail::load_at<Acc, std::uint8_t>(data, index);
    case DType::i16:
      return detail::load_at<Acc, std::int16_t>(data, index);
    case DType::u16:
      return detail::load_at<Acc, std::uint16_t>(data, index);
    default:
      break;
  }
  if constexpr (!std::is_same_v<Acc, float> && !std::is_same_v<Acc, Complex<float>>) {
    switch (type) {
      case DType::i32:
        return detail::load_at<Acc, std::int32_t>(data, index);
      case DType::u32:
        return detail::load_at<Acc, std::uint32_t>(data, index);
      case DType::i64:
        return detail::load_at<Acc, std::int64_t>(data, index);
      case DType::u64:
        return detail::load_at<Acc, std::uint64_t>(data, index);
      default:
        break;
    }
  }
  if constexpr (!std::is_integral_v<Acc> && !std::is_same_v<Acc, WideInteger>) {
    switch (type) {
      case DType::f16:
        return detail::from_real<Acc>(to_float(detail::read_at<Half>(data, index)));
      case DType::bf16:
        return detail::from_real<Acc>(to_float(detail::read_at<BFloat16>(data, index)));
      case DType::f32:
        return detail::load_at<Acc, float>(data, index);
      case DType::f64:
        return detail::load_at<Acc, double>(data, index);
      default:
        break;
    }
  }
  if constexpr (is_complex_value<Acc>) {
    if (type == DType::c64) return detail::load_at<Acc, Complex<float>>(data, index);
    return detail::load_at<Acc, Complex<double>>(data, index);
  }
  return Acc{};
}

/// How a value becomes an element of the result.
struct StoreRule {
  Overflow overflow = Overflow::wrap;
  Rounding rounding = Rounding::truncate;
};

namespace detail {

/// Bounds of an integer type; std::numeric_limits is for the host alone.
template <typename T>
inline constexpr T max = static_cast<T>(~std::uint64_t{0} >>
                                        (64 - 8 * sizeof(T) + (std::is_signed_v<T> ? 1 : 0)));
template <typename T>
inline constexpr T min = std::is_signed_v<T> ? static_cast<T>(-max<T> - 1) : T{0};

/// A floating value as an integer element; NaN becomes 0, infinities saturate or wrap to 0.
template <typename T>
__device__ T rounded(double value, StoreRule rule) {
  const double whole = rule.rounding == Rounding::truncate ? trunc(value) : rint(value);
  if (whole != whole) return 0;
  if (rule.overflow == Overflow::saturate) {
    constexpr double low = static_cast<double>(min<T>);
    // 2^bits: exact in double, where the greatest value itself may not be.
    constexpr double past = 2.0 * static_cast<double>(max<T> / 2 + 1);
    if (whole < low) return min<T>;
    if (whole >= past) return max<T>;
    return static_cast<T>(whole);
  }
  if (!is_finite(whole)) return 0;
  const double residue = fmod(whole, 0x1p64);
  const auto magnitude = static_cast<std::uint64_t>(fabs(residue));
  return static_cast<T>(residue < 0 ? 0 - magnitude : magnitude);
}

template <typename T>
__device__ T rounded(WideInteger value, StoreRule rule) {
  if (rule.overflow == Overflow::saturate) {
    if (value < static_cast<WideInteger>(min<T>)) return min<T>;
    if (value > static_cast<WideInteger>(max<T>)) return max<T>;
  }
  return static_cast<T>(value);
}

}  // namespace detail

/// Stores a value as element `index` of an array of `type`, rounded once.
template <typename W>
__device__ void store_element(Global<unsigned char> data, DType type, std::int64_t index, W value,
                              StoreRule rule) {
  if constexpr (is_complex_value<W>) {
    if (type == DType::c64) {
      data.as<Complex<float>>()[index] =
          Complex<float>{static_cast<float>(value.real), static_cast<float>(value.imag)};
    } else {
      data.as<Complex<double>>()[index] = value;
    }
  } else {
    switch (type) {
      case DType::i8:
        data.as<std::int8_t>()[index] = detail::rounded<std::int8_t>(value, rule);
        return;
      case DType::u8:
        data.as<std::uint8_t>()[index] = detail::rounded<std::uint8_t>(value, rule);
        return;
      case DType::i16:
        data.as<std::int16_t>()[index] = detail::rounded<std::int16_t>(value, rule);
        return;
      case DType::u16:
        data.as<std::uint16_t>()[index] = detail::rounded<std::uint16_t>(value, rule);
        return;
      case DType::i32:
        data.as<std::int32_t>()[index] = detail::rounded<std::int32_t>(value, rule);
        return;
      case DType::u32:
        data.as<std::uint32_t>()[index] = detail::rounded<std::uint32_t>(value, rule);
        return;
      case DType::i64:
        data.as<std::int64_t>()[index] = detail::rounded<std::int64_t>(value, rule);
        return;
      case DType::u64:
        data.as<std::uint64_t>()[index] = detail::rounded<std::uint64_t>(value, rule);
        return;
      case DType::f64:
        data.as<double>()[index] = static_cast<double>(value);
        return;
      case DType::f32:
        data.as<float>()[index] = static_cast<float>(value);
        return;
      case DType::f16:
        data.as<Half>()[index] = from_float<Half>(round_to_odd(static_cast<double>(value)));
        return;
      case DType::bf16:
        data.as<BFloat16>()[index] = from_float<BFloat16>(round_to_odd(static_cast<double>(value)));
        return;
      default:
        return;
    }
  }
}

}  // namespace faltung::cuda
