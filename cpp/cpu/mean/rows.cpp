#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/mean/rows.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "cpp/cpu/mean/rows.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::mean::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Double = hn::Vec<Doubles>;
// As many of another type as there are doubles in a vector.
template <typename T>
using Beside = hn::Rebind<T, Doubles>;
using Words = Beside<std::int32_t>;
using Word = hn::Vec<Words>;

// Calls f(columns of vectors, first lane) for all lanes. An addition waits for the one before it in
// its column, 3 cycles or so; so up to four columns go side by side.
template <typename F>
HWY_INLINE void for_each_column(std::int64_t lanes, F&& f) {
  const auto width = static_cast<std::int64_t>(hn::Lanes(Doubles()));
  const std::int64_t columns = (lanes + width - 1) / width;
  std::int64_t column = 0;
  for (; column + 4 <= columns; column += 4) f(std::integral_constant<int, 4>(), column * width);
  if (column + 2 <= columns) {
    f(std::integral_constant<int, 2>(), column * width);
    column += 2;
  }
  if (column < columns) f(std::integral_constant<int, 1>(), column * width);
}

template <int columns>
HWY_INLINE void fill(const double* from, Double (&sums)[columns]) {
  const Doubles d;
  HWY_UNROLL(4)
  for (int v = 0; v < columns; ++v) {
    sums[v] = from == nullptr ? hn::Zero(d) : hn::LoadU(d, from + v * hn::Lanes(d));
  }
}

template <int columns>
HWY_INLINE void add_row(const float* row, const Double&, Double (&sums)[columns]) {
  const Doubles d;
  const Beside<float> narrow;
  HWY_UNROLL(4)
  for (int v = 0; v < columns; ++v) {
    sums[v] = hn::Add(sums[v], hn::PromoteTo(d, hn::LoadU(narrow, row + v * hn::Lanes(d))));
  }
}

template <int columns>
HWY_INLINE void add_row(const double* row, const Double& scale, Double (&sums)[columns]) {
  const Doubles d;
  HWY_UNROLL(4)
  for (int v = 0; v < columns; ++v) {
    sums[v] = hn::Add(sums[v], hn::Mul(hn::LoadU(d, row + v * hn::Lanes(d)), scale));
  }
}

HWY_INLINE void store(const Double& sum, const Double& factor, float* to) {
  const Double mean = hn::Mul(sum, factor);
#if HWY_TARGET == HWY_SCALAR
  *to = static_cast<float>(hn::GetLane(mean));  // DemoteTo would make infinities finite
#else
  const Beside<float> narrow;
  hn::StoreU(hn::DemoteTo(narrow, mean), narrow, to);
#endif
}

HWY_INLINE void store(const Double& sum, const Double&, double* to) {
  hn::StoreU(sum, Doubles(), to);
}

template <int columns, typename T>
HWY_INLINE void block_columns(const Rows& shape, const BlockSums& sums, const double* base,
                              const T* rows, double* suffixes, T* to, std::int64_t to_pitch) {
  const Doubles d;
  const auto width = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t pitch = shape.pitch, size = shape.size;
  const Double scale = hn::Set(d, sums.scale), factor = hn::Set(d, sums.factor);
  Double sum[columns];
  for (std::int64_t first = 0; first < shape.results; first += size) {
    const std::int64_t count = std::min(size, shape.results - first);
    fill(base, sum);
    const T* row = rows + (first + size - 1) * pitch;
    for (std::int64_t j = size; j-- > count; row -= pitch) add_row(row, scale, sum);
    for (std::int64_t j = count; j-- > 0; row -= pitch) {
      add_row(row, scale, sum);
      HWY_UNROLL(4)
      for (int v = 0; v < columns; ++v) hn::StoreU(sum[v], d, suffixes + (j * columns + v) * width);
    }
    fill(nullptr, sum);
    row = rows + (first + size) * pitch;
    T* result = to + first * to_pitch;
    for (std::int64_t j = 0;; row += pitch, result += to_pitch) {
      HWY_UNROLL(4)
      for (int v = 0; v < columns; ++v) {
        const Double suffix = hn::LoadU(d, suffixes + (j * columns + v) * width);
        store(hn::Add(suffix, sum[v]), factor, result + v * width);
      }
      if (++j == count) break;
      add_row(row, scale, sum);
    }
  }
}

template <typename T>
void block_rows(const Rows& shape, const BlockSums& sums, const T* rows, double* suffixes, T* to,
                std::int64_t to_pitch) {
  for_each_column(shape.lanes, [&](auto columns, std::int64_t lane) {
    block_columns<columns>(shape, sums, sums.base + lane, rows + lane, suffixes, to + lane,
                           to_pitch);
  });
}

// Elements as they are summed.
template <typename T>
HWY_INLINE Word load(const T* from) {
  return hn::PromoteTo(Words(), hn::LoadU(Beside<T>(), from));
}
HWY_INLINE Double load(const std::int32_t* from) {
  return hn::PromoteTo(Doubles(), hn::LoadU(Words(), from));
}
// Without its highest bit set, or with it, an unsigned number is 2^31 above a signed one.
HWY_INLINE Double load(const std::uint32_t* from) {
  const Words d;
  const Word bits = hn::BitCast(d, hn::LoadU(Beside<std::uint32_t>(), from));
  const Word below = hn::Xor(bits, hn::Set(d, std::numeric_limits<std::int32_t>::min()));
  return hn::Add(hn::PromoteTo(Doubles(), below), hn::Set(Doubles(), 0x1p31));
}

template <typename T>
HWY_INLINE void store(const Word& mean, T* to) {
  const Beside<T> narrow;
  hn::StoreU(hn::DemoteTo(narrow, mean), narrow, to);
}
HWY_INLINE void store(const Double& mean, std::int32_t* to) {
  hn::StoreU(hn::DemoteTo(Words(), mean), Words(), to);
}
HWY_INLINE void store(const Double& mean, std::uint32_t* to) {
  const Words d;
  const Word below = hn::DemoteTo(d, hn::Sub(mean, hn::Set(Doubles(), 0x1p31)));
  const Word bits = hn::Xor(below, hn::Set(d, std::numeric_limits<std::int32_t>::min()));
  hn::StoreU(hn::BitCast(Beside<std::uint32_t>(), bits), Beside<std::uint32_t>(), to);
}

// To nearest if twice the remainder is past the divisor, or equal to it and the quotient is odd:
// then by one away from 0.
template <bool nearest_even>
HWY_INLINE Word quotient(const Word& sum, double divisor, const Double& reciprocal) {
  const Words d;
  const Word whole =
      hn::DemoteTo(d, hn::Mul(hn::PromoteTo(Doubles(), sum), reciprocal));  // truncates
  if constexpr (!nearest_even) return whole;
  const Word by = hn::Set(d, static_cast<std::int32_t>(divisor));
  const Word rest = hn::Sub(sum, hn::Mul(whole, by));
  const Word past = hn::Abs(hn::Add(rest, rest));
  const Word odd = hn::And(whole, hn::Set(d, 1));
  const Word away = hn::Or(hn::ShiftRight<31>(sum), hn::Set(d, 1));
  return hn::Add(whole, hn::IfThenElseZero(hn::Gt(hn::Add(past, odd), by), away));
}
template <bool nearest_even>
HWY_INLINE Double quotient(const Double& sum, double divisor, const Double& reciprocal) {
  const Doubles d;
  const Double whole = hn::Trunc(hn::Mul(sum, reciprocal));
  if constexpr (!nearest_even) return whole;
  const Double by = hn::Set(d, divisor), half = hn::Set(d, 0.5);
  const Double rest = hn::Sub(sum, hn::Mul(whole, by));
  const Double past = hn::Abs(hn::Add(rest, rest));
  const Double halved = hn::Mul(whole, half);
  const Double odd = hn::Abs(hn::Sub(halved, hn::Trunc(halved)));  // 1/2 or 0
  const Double away = hn::CopySign(hn::Set(d, 1.0), sum);
  return hn::Add(whole, hn::IfThenElseZero(hn::Gt(hn::Add(past, odd), by), away));
}

template <int columns, bool nearest_even, typename T>
HWY_INLINE void moving_columns(const Rows& shape, const MovingSums<T>& sums,
                               const MovingSum<T>* base, const T* rows, T* to,
                               std::int64_t to_pitch) {
  const hn::Rebind<MovingSum<T>, Doubles> d;
  using Sum = hn::Vec<decltype(d)>;
  const auto width = static_cast<std::int64_t>(hn::Lanes(d));
  const double divisor = sums.divisor;
  const Double reciprocal = hn::Set(Doubles(), sums.reciprocal);
  const std::int64_t pitch = shape.pitch;
  Sum sum[columns];
  HWY_UNROLL(4)
  for (int v = 0; v < columns; ++v) sum[v] = hn::LoadU(d, base + v * width);
  const T* enters = rows;
  for (std::int64_t j = 0; j < shape.size; ++j, enters += pitch) {
    HWY_UNROLL(4)
    for (int v = 0; v < columns; ++v) sum[v] = hn::Add(sum[v], load(enters + v * width));
  }
  for (std::int64_t j = 0;; rows += pitch, enters += pitch, to += to_pitch) {
    Sum leaves[columns];
    HWY_UNROLL(4)
    for (int v = 0; v < columns; ++v) {
      leaves[v] = load(rows + v * width);
      store(quotient<nearest_even>(sum[v], divisor, reciprocal), to + v * width);
    }
    if (++j == shape.results) break;
    HWY_UNROLL(4)
    for (int v = 0; v < columns; ++v) {
      sum[v] = hn::Add(sum[v], hn::Sub(load(enters + v * width), leaves[v]));
    }
  }
}

template <typename T>
void moving_rows(const Rows& shape, const MovingSums<T>& sums, const T* rows, T* to,
                 std::int64_t to_pitch) {
  for_each_column(shape.lanes, [&](auto columns, std::int64_t lane) {
    const auto run =
        sums.nearest_even ? moving_columns<columns, true, T> : moving_columns<columns, false, T>;
    run(shape, sums, sums.base + lane, rows + lane, to + lane, to_pitch);
  });
}

BlockMeans<float> block_f32() { return block_rows<float>; }
BlockMeans<double> block_f64() { return block_rows<double>; }
MovingMeans<std::int8_t> moving_i8() { return moving_rows<std::int8_t>; }
MovingMeans<std::uint8_t> moving_u8() { return moving_rows<std::uint8_t>; }
MovingMeans<std::int16_t> moving_i16() { return moving_rows<std::int16_t>; }
MovingMeans<std::uint16_t> moving_u16() { return moving_rows<std::uint16_t>; }
MovingMeans<std::int32_t> moving_i32() { return moving_rows<std::int32_t>; }
MovingMeans<std::uint32_t> moving_u32() { return moving_rows<std::uint32_t>; }

}  // namespace faltung::mean::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung::mean {

HWY_EXPORT(block_f32);
HWY_EXPORT(block_f64);
HWY_EXPORT(moving_i8);
HWY_EXPORT(moving_u8);
HWY_EXPORT(moving_i16);
HWY_EXPORT(moving_u16);
HWY_EXPORT(moving_u32);
HWY_EXPORT(moving_i32);

template <>
BlockMeans<float> block_means() {
  return HWY_DISPATCH_TABLE(block_f32)[cpu_target_index()]();
}
template <>
BlockMeans<double> block_means() {
  return HWY_DISPATCH_TABLE(block_f64)[cpu_target_index()]();
}
template <>
MovingMeans<std::int8_t> moving_means() {
  return HWY_DISPATCH_TABLE(moving_i8)[cpu_target_index()]();
}
template <>
MovingMeans<std::uint8_t> moving_means() {
  return HWY_DISPATCH_TABLE(moving_u8)[cpu_target_index()]();
}
template <>
MovingMeans<std::int16_t> moving_means() {
  return HWY_DISPATCH_TABLE(moving_i16)[cpu_target_index()]();
}
template <>
MovingMeans<std::uint16_t> moving_means() {
  return HWY_DISPATCH_TABLE(moving_u16)[cpu_target_index()]();
}
template <>
MovingMeans<std::int32_t> moving_means() {
  return HWY_DISPATCH_TABLE(moving_i32)[cpu_target_index()]();
}
template <>
MovingMeans<std::uint32_t> moving_means() {
  return HWY_DISPATCH_TABLE(moving_u32)[cpu_target_index()]();
}

}  // namespace faltung::mean
#endif
