// Compiled for several instruction sets (simd.cmake), whose loops the compiler makes: nothing here
// may be a function that other files share. Products and sums must not be contracted: the bits are
// those of finish_element in every set.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "cpp/cpu/finish_rows.hpp"

namespace faltung::FALTUNG_FFT_SET {
namespace {

constexpr int block = 128;  // values at a time: in the first-level cache from loop to loop

// Elements of 16 bits that are floats of either kind.
struct F16 {
  std::uint16_t bits;
};
struct BF16 {
  std::uint16_t bits;
};

std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
float float_of(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// round_to_odd of element.hpp. A float beside zero is one bit pattern less or more.
float to_odd(double value) {
  const float nearest = static_cast<float>(value);
  const double back = static_cast<double>(nearest);
  const bool inexact = back < value || back > value;
  const bool away = std::fabs(back) > std::fabs(value);
  return float_of((bits_of(nearest) - (away ? 1u : 0u)) | (inexact ? 1u : 0u));
}

std::uint16_t bf16_bits(float value) {
  const std::uint32_t bits = bits_of(value);
  const std::uint32_t nan = (bits >> 16) | 0x40u;
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

void read(const float* from, int n, double* to) {
  for (int i = 0; i < n; ++i) to[i] = static_cast<double>(from[i]);
}
void read(const double* from, int n, double* to) {
  for (int i = 0; i < n; ++i) to[i] = from[i];
}
void read(const BF16* from, int n, double* to) {
  for (int i = 0; i < n; ++i) {
    to[i] = static_cast<double>(float_of(static_cast<std::uint32_t>(from[i].bits) << 16));
  }
}
template <typename T>
void read(const T* from, int n, double* to) {
  for (int i = 0; i < n; ++i) to[i] = static_cast<double>(from[i]);
}

void write(const double* from, int n, const StoreRule&, float* to) {
  for (int i = 0; i < n; ++i) to[i] = static_cast<float>(from[i]);
}
void write(const double* from, int n, const StoreRule&, double* to) {
  for (int i = 0; i < n; ++i) to[i] = from[i];
}
void write(const double* from, int n, const StoreRule&, BF16* to) {
  float odd[block];
  for (int i = 0; i < n; ++i) odd[i] = to_odd(from[i]);
  for (int i = 0; i < n; ++i) to[i].bits = bf16_bits(odd[i]);
}

#if defined(__F16C__)
void load_near(const std::uint16_t* from, std::int64_t count, float* to) {
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(bits));
  }
  for (; i < count; ++i) to[i] = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(from[i])));
}

void load_halves(const void* data, std::int64_t first, std::int64_t step, std::int64_t count,
                 float* to, std::int64_t to_step) {
  const auto* from = static_cast<const std::uint16_t*>(data) + first;
  if (step == 1 && to_step == 1) return load_near(from, count, to);
  for (std::int64_t i = 0; i < count; ++i) {
    to[i * to_step] = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(from[i * step])));
  }
}
constexpr LoadHalves half_loads = load_halves;

void read(const F16* from, int n, double* to) {
  float values[block];
  load_near(&from->bits, n, values);
  for (int i = 0; i < n; ++i) to[i] = static_cast<double>(values[i]);
}
// Half's NaN has one payload.
float plain_nan(float value) {
  const std::uint32_t bits = bits_of(value);
  return float_of(value != value ? (bits & 0x80000000u) | 0x7fc00000u : bits);
}
void write(const double* from, int n, const StoreRule&, F16* to) {
  constexpr int nearest = 0;
  float odd[block + 8] = {};
  std::uint16_t bits[block + 8];
  for (int i = 0; i < n; ++i) odd[i] = plain_nan(to_odd(from[i]));
  for (int i = 0; i < n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bits + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(odd + i), nearest));
  }
  std::memcpy(to, bits, static_cast<std::size_t>(n) * sizeof(F16));
}
#else
constexpr LoadHalves half_loads = nullptr;
#endif

// store_rounded of element.hpp for one number.
template <typename T>
T whole_element(double value, const StoreRule& rule) {
  const double whole = rule.rounding == Rounding::truncate ? ::trunc(value) : ::nearbyint(value);
  if (whole != whole) return 0;
  if (rule.overflow == Overflow::saturate) {
    constexpr double min = static_cast<double>(std::numeric_limits<T>::min());
    constexpr double max = static_cast<double>(std::numeric_limits<T>::max());
    return static_cast<T>(whole < min ? min : whole > max ? max : whole);
  }
  if (std::fabs(whole) > std::numeric_limits<double>::max()) return 0;
  const double residue = ::fmod(whole, 0x1p64);
  const auto magnitude = static_cast<std::uint64_t>(std::fabs(residue));
  return static_cast<T>(residue < 0 ? 0 - magnitude : magnitude);
}

// Integers of up to 16 bits.
template <typename T>
void write(const double* from, int n, const StoreRule& rule, T* to) {
  constexpr double shift =
      0x1.8p52;  // adding and taking it away rounds to an integer, half to even
  int large = 0;
  for (int i = 0; i < n; ++i) large |= std::fabs(from[i]) < 0x1p30 ? 0 : 1;
  if (large != 0) {
    for (int i = 0; i < n; ++i) to[i] = whole_element<T>(from[i], rule);
    return;
  }
  std::int32_t whole[block];
  if (rule.rounding == Rounding::truncate) {
    for (int i = 0; i < n; ++i) whole[i] = static_cast<std::int32_t>(from[i]);
  } else {
    for (int i = 0; i < n; ++i) whole[i] = static_cast<std::int32_t>(from[i] + shift - shift);
  }
  if (rule.overflow == Overflow::saturate) {
    constexpr std::int32_t min = std::numeric_limits<T>::min();
    constexpr std::int32_t max = std::numeric_limits<T>::max();
    for (int i = 0; i < n; ++i) {
      const std::int32_t value = whole[i];
      to[i] = static_cast<T>(value < min ? min : value > max ? max : value);
    }
  } else {
    for (int i = 0; i < n; ++i) to[i] = static_cast<T>(whole[i]);
  }
}

// activate() of epilogue.hpp.
void activate_all(const RowEpilogue& e, int n, double* values) {
  const double a = e.a, b = e.b;
  switch (e.activation) {
    case ActivationKind::none:
      return;
    case ActivationKind::relu:
      for (int i = 0; i < n; ++i) values[i] = values[i] < 0 ? 0 : values[i];
      return;
    case ActivationKind::leaky_relu:
      for (int i = 0; i < n; ++i) values[i] = values[i] < 0 ? a * values[i] : values[i];
      return;
    case ActivationKind::gelu:
      for (int i = 0; i < n; ++i) {
        values[i] *= ::erfc(-values[i] * 0.70710678118654752440) / 2;
      }
      return;
    case ActivationKind::silu:
      for (int i = 0; i < n; ++i) values[i] /= 1 + ::exp(-values[i]);
      return;
    case ActivationKind::clamp:
      for (int i = 0; i < n; ++i) {
        values[i] = values[i] < a ? a : values[i] > b ? b : values[i];
      }
      return;
  }
}

// At most `block` elements, side by side.
template <typename Acc, typename T>
void finish_block(const RowEpilogue& e, RowBias bias, const Acc* sums, int n, T* to) {
  double values[block];
  read(sums, n, values);
  if (e.alpha != 1) {
    for (int i = 0; i < n; ++i) values[i] *= e.alpha;
  }
  if (e.beta != 0) {
    double old[block];
    read(to, n, old);
    for (int i = 0; i < n; ++i) values[i] += e.beta * old[i];
  }
  if (bias.values != nullptr && bias.step == 0) {
    const double value = *bias.values;
    for (int i = 0; i < n; ++i) values[i] += value;
  } else if (bias.values != nullptr) {
    for (int i = 0; i < n; ++i) values[i] += bias.values[i];
  }
  activate_all(e, n, values);
  write(values, n, e.rule, to);
}

template <typename Acc, typename T>
void finish(const RowEpilogue& e, RowBias bias, const Acc* sums, std::int64_t count, void* result,
            std::int64_t step) {
  T* to = static_cast<T*>(result);
  for (; count > 0; count -= block, sums += block, to += block * step) {
    const int n = count < block ? static_cast<int>(count) : block;
    if (step == 1) {
      finish_block(e, bias, sums, n, to);
    } else {
      T near[block];
      if (e.beta != 0) {
        for (int i = 0; i < n; ++i) near[i] = to[i * step];
      }
      finish_block(e, bias, sums, n, near);
      for (int i = 0; i < n; ++i) to[i * step] = near[i];
    }
    if (bias.values != nullptr) bias.values += bias.step * n;
  }
}

}  // namespace

template <typename Acc>
FinishRows<Acc> make_finish() {
  FinishRows<Acc> rows{.to_f32 = finish<Acc, float>,
                       .to_f64 = finish<Acc, double>,
                       .to_bf16 = finish<Acc, BF16>,
                       .to_i8 = finish<Acc, std::int8_t>,
                       .to_u8 = finish<Acc, std::uint8_t>,
                       .to_i16 = finish<Acc, std::int16_t>,
                       .to_u16 = finish<Acc, std::uint16_t>,
                       .to_f16 = nullptr,
                       .load_halves = half_loads};
#if defined(__F16C__)
  rows.to_f16 = finish<Acc, F16>;
#endif
  return rows;
}

template FinishRows<float> make_finish();
template FinishRows<double> make_finish();

}  // namespace faltung::FALTUNG_FFT_SET
