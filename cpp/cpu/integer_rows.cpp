#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/integer_rows.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "cpp/cpu/integer_rows.hpp"

// Plain loops, which compilers vectorise well for each instruction set.
HWY_BEFORE_NAMESPACE();
namespace faltung::HWY_NAMESPACE {

template <typename Acc, typename T>
void load_as(const void* data, std::int64_t first, std::int64_t step, std::int64_t count,
             Acc* HWY_RESTRICT to, std::int64_t to_step) {
  const T* HWY_RESTRICT from = static_cast<const T*>(data) + first;
  if (step == 1 && to_step == 1) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<Acc>(from[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i * to_step] = static_cast<Acc>(from[i * step]);
  }
}

template <typename T>
T saturated(std::int32_t value) {
  constexpr std::int32_t min = std::numeric_limits<T>::min();
  constexpr std::int32_t max = std::numeric_limits<T>::max();
  return static_cast<T>(value < min ? min : value > max ? max : value);
}

template <bool saturates, typename Acc, typename T, typename Round>
void store_each(const Acc* HWY_RESTRICT sums, std::int64_t count, T* HWY_RESTRICT to, Round round) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t whole = round(sums[i]);
    to[i] = saturates ? saturated<T>(whole) : static_cast<T>(whole);
  }
}

template <typename Acc, typename T, typename Round>
void store_by(const Acc* sums, std::int64_t count, Overflow overflow, T* to, Round round) {
  if (overflow == Overflow::saturate) {
    store_each<true>(sums, count, to, round);
  } else {
    store_each<false>(sums, count, to, round);
  }
}

template <typename Acc, typename T>
bool store_as(const Acc* sums, std::int64_t count, StoreRule rule, void* result) {
  T* to = static_cast<T*>(result);
  if constexpr (std::is_integral_v<Acc>) {  // modulo 2^32, and two's complement
    store_by(sums, count, rule.overflow, to,
             [](Acc sum) { return static_cast<std::int32_t>(sum); });
  } else {
    // Adding and taking away 1.5 2^p rounds to an integer, half to even, if |sum| < 2^(p-1).
    constexpr Acc limit = Acc(1 << 21);
    constexpr Acc shift = Acc(1.5) / std::numeric_limits<Acc>::epsilon();
    int large = 0;
    for (std::int64_t i = 0; i < count; ++i) large |= std::abs(sums[i]) < limit ? 0 : 1;
    if (large != 0) return false;
    if (rule.rounding == Rounding::truncate) {
      store_by(sums, count, rule.overflow, to,
               [](Acc sum) { return static_cast<std::int32_t>(sum); });
    } else {
      store_by(sums, count, rule.overflow, to,
               [](Acc sum) { return static_cast<std::int32_t>(sum + shift - shift); });
    }
  }
  return true;
}

template <typename Acc>
LoadRow<Acc> load_of(DType type) {
  switch (type) {
    case DType::i8:
      return load_as<Acc, std::int8_t>;
    case DType::u8:
      return load_as<Acc, std::uint8_t>;
    case DType::i16:
      return load_as<Acc, std::int16_t>;
    case DType::u16:
      return load_as<Acc, std::uint16_t>;
    default:
      return nullptr;
  }
}

template <typename Acc>
StoreNeighbours<Acc> store_of(DType type) {
  switch (type) {
    case DType::i8:
      return store_as<Acc, std::int8_t>;
    case DType::u8:
      return store_as<Acc, std::uint8_t>;
    case DType::i16:
      return store_as<Acc, std::int16_t>;
    case DType::u16:
      return store_as<Acc, std::uint16_t>;
    default:
      return nullptr;
  }
}

LoadRow<float> load_f32(DType type) { return load_of<float>(type); }
LoadRow<double> load_f64(DType type) { return load_of<double>(type); }
LoadRow<std::uint32_t> load_i32(DType type) { return load_of<std::uint32_t>(type); }
LoadRow<std::int16_t> load_i16(DType type) { return load_of<std::int16_t>(type); }
StoreNeighbours<float> store_f32(DType type) { return store_of<float>(type); }
StoreNeighbours<double> store_f64(DType type) { return store_of<double>(type); }
StoreNeighbours<std::uint32_t> store_i32(DType type) { return store_of<std::uint32_t>(type); }

}  // namespace faltung::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung {

HWY_EXPORT(load_f32);
HWY_EXPORT(load_f64);
HWY_EXPORT(load_i32);
HWY_EXPORT(load_i16);
HWY_EXPORT(store_f32);
HWY_EXPORT(store_f64);
HWY_EXPORT(store_i32);

template <>
LoadRow<float> load_integer_row<float>(DType type) {
  return HWY_DISPATCH_TABLE(load_f32)[cpu_target_index()](type);
}
template <>
LoadRow<double> load_integer_row<double>(DType type) {
  return HWY_DISPATCH_TABLE(load_f64)[cpu_target_index()](type);
}
template <>
LoadRow<std::uint32_t> load_integer_row<std::uint32_t>(DType type) {
  return HWY_DISPATCH_TABLE(load_i32)[cpu_target_index()](type);
}
template <>
LoadRow<std::int16_t> load_integer_row<std::int16_t>(DType type) {
  return HWY_DISPATCH_TABLE(load_i16)[cpu_target_index()](type);
}
template <>
StoreNeighbours<float> store_integer_row<float>(DType type) {
  return HWY_DISPATCH_TABLE(store_f32)[cpu_target_index()](type);
}
template <>
StoreNeighbours<double> store_integer_row<double>(DType type) {
  return HWY_DISPATCH_TABLE(store_f64)[cpu_target_index()](type);
}
template <>
StoreNeighbours<std::uint32_t> store_integer_row<std::uint32_t>(DType type) {
  return HWY_DISPATCH_TABLE(store_i32)[cpu_target_index()](type);
}

}  // namespace faltung
#endif
