#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include <faltung/export.hpp>
#include <faltung/half.hpp>

namespace faltung {

/// Element types. `c64` and `c128` are complex with float and double parts, as in NumPy.
enum class DType : std::uint8_t {
  f16,
  bf16,
  f32,
  f64,
  c64,
  c128,
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64
};
using enum DType;

/// Every element type, in the order of DType.
inline constexpr DType all_dtypes[] = {f16, bf16, f32, f64, c64, c128, i8,
                                       u8,  i16,  u16, i32, u32, i64,  u64};

/// Bytes of one element.
constexpr std::size_t size_of(DType type) noexcept {
  constexpr std::uint8_t bytes[] = {2, 2, 4, 8, 8, 16, 1, 1, 2, 2, 4, 4, 8, 8};
  return bytes[static_cast<std::size_t>(type)];
}

/// c64 or c128.
constexpr bool is_complex(DType type) noexcept { return type == c64 || type == c128; }
/// i8 to u64.
constexpr bool is_integer(DType type) noexcept { return type >= i8; }
/// f16, bf16, f32 or f64.
constexpr bool is_real_float(DType type) noexcept { return type <= f64; }
/// Whether the type holds negative numbers; complex types do.
constexpr bool is_signed(DType type) noexcept {
  return type != u8 && type != u16 && type != u32 && type != u64;
}

/// Unit roundoff u of a floating or complex type: half the distance from 1 to the next number.
/// Zero for integers.
constexpr double unit_roundoff(DType type) noexcept {
  switch (type) {
    case f16:
      return 0x1p-11;
    case bf16:
      return 0x1p-8;
    case f32:
    case c64:
      return 0x1p-24;
    case f64:
    case c128:
      return 0x1p-53;
    default:
      return 0;
  }
}

/// "f32", "c64", "u8", ...
[[nodiscard]] FALTUNG_API std::string_view name(DType type) noexcept;

/// The type with that name, if there is one.
[[nodiscard]] FALTUNG_API std::optional<DType> parse_dtype(std::string_view text) noexcept;

namespace detail {

template <typename T>
consteval DType dtype_of_type() {
  if (std::is_same_v<T, Half>) return f16;
  if (std::is_same_v<T, BFloat16>) return bf16;
  if (std::is_same_v<T, float>) return f32;
  if (std::is_same_v<T, double>) return f64;
  if (std::is_same_v<T, std::complex<float>>) return c64;
  if (std::is_same_v<T, std::complex<double>>) return c128;
  if (std::is_same_v<T, std::int8_t>) return i8;
  if (std::is_same_v<T, std::uint8_t>) return u8;
  if (std::is_same_v<T, std::int16_t>) return i16;
  if (std::is_same_v<T, std::uint16_t>) return u16;
  if (std::is_same_v<T, std::int32_t>) return i32;
  if (std::is_same_v<T, std::uint32_t>) return u32;
  if (std::is_same_v<T, std::int64_t>) return i64;
  if (std::is_same_v<T, std::uint64_t>) return u64;
  throw "not an element type of Faltung";  // in a consteval function: an error when compiling
}

}  // namespace detail

/// The DType of a C++ element type, e.g. `dtype_of<float> == f32`.
template <typename T>
inline constexpr DType dtype_of = detail::dtype_of_type<T>();

/// Calls `f` with a default-constructed element of `type`: one switch for every typed loop.
template <typename F>
constexpr decltype(auto) visit_dtype(DType type, F&& f) {
  switch (type) {
    case DType::f16:
      return f(Half{});
    case DType::bf16:
      return f(BFloat16{});
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::c64:
      return f(std::complex<float>{});
    case DType::c128:
      return f(std::complex<double>{});
    case DType::i8:
      return f(std::int8_t{});
    case DType::u8:
      return f(std::uint8_t{});
    case DType::i16:
      return f(std::int16_t{});
    case DType::u16:
      return f(std::uint16_t{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::u32:
      return f(std::uint32_t{});
    case DType::i64:
      return f(std::int64_t{});
    case DType::u64:
      break;
  }
  return f(std::uint64_t{});
}

}  // namespace faltung
