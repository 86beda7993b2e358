// Included once for each instruction set by way of foreach_target.h; hence no include guard that
// outlives one of them.
#if defined(FALTUNG_ROW_VECTORS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FALTUNG_ROW_VECTORS_INL
#undef FALTUNG_ROW_VECTORS_INL
#else
#define FALTUNG_ROW_VECTORS_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What the kernels of lines, columns and depthwise rows share.

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
inline constexpr bool many_registers = true;  // 32, otherwise 16
#else
inline constexpr bool many_registers = false;
#endif

template <class D, class V>
HWY_INLINE V add_product(D, V x, V w, V sum) {
  if constexpr (std::is_integral_v<hn::TFromD<D>>) {
    return hn::Add(sum, hn::Mul(x, w));
  } else {
    return hn::MulAdd(x, w, sum);
  }
}

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
inline constexpr bool has_shifts = true;

// The vector that starts `shift` lanes into the first of two.
template <int shift, class D, class V>
HWY_INLINE V shifted(D d, V first, V second) {
  const hn::RebindToUnsigned<D> bits;
  using Bits = hn::Vec<decltype(bits)>;
  const Bits low = hn::BitCast(bits, first);
  const Bits high = hn::BitCast(bits, second);
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::BitCast(d, Bits{_mm512_alignr_epi32(high.raw, low.raw, shift)});
  } else {
    return hn::BitCast(d, Bits{_mm512_alignr_epi64(high.raw, low.raw, shift)});
  }
}
#else
inline constexpr bool has_shifts = false;  // two instructions each, or more: loads are faster
#if HWY_TARGET == HWY_AVX2
template <int shift, class D, class V>
HWY_INLINE V shifted(D d, V first, V second) {
  const hn::RebindToUnsigned<D> bits;
  using Bits = hn::Vec<decltype(bits)>;
  constexpr int bytes = shift * static_cast<int>(sizeof(hn::TFromD<D>));
  const __m256i low = hn::BitCast(bits, first).raw;
  const __m256i high = hn::BitCast(bits, second).raw;
  const __m256i middle = _mm256_permute2x128_si256(low, high, 0x21);
  if constexpr (bytes < 16) {
    return hn::BitCast(d, Bits{_mm256_alignr_epi8(middle, low, bytes)});
  } else {
    return hn::BitCast(d, Bits{_mm256_alignr_epi8(high, middle, bytes - 16)});
  }
}
#else
template <int shift, class D, class V>
HWY_INLINE V shifted(D, V first, V) {
  return first;  // never called
}
#endif
#endif

// Adds a zero: +0 makes sums of -0 those of +0, -0 changes nothing. Kernels that asked whether to
// add took up to a sixth longer where they do not.
template <int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void add_zero(D d, T zero, V (&sums)[vectors]) {
  if constexpr (std::is_floating_point_v<T>) {
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) sums[v] = hn::Add(sums[v], hn::Set(d, zero));
  }
}

// Stores the first `count` elements of a vector and touches no others: another thread may write
// them.
template <class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void store_part(D d, V values, T* y, std::int64_t count) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  hn::BlendedStore(values, hn::FirstN(d, static_cast<std::size_t>(count)), d, y);
#else
  HWY_ALIGN T part[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(values, d, part);
  std::copy_n(part, count, y);
#endif
}

// Stores `count` elements of the vectors, in order.
template <int vectors, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void store_vectors(D d, const V (&sums)[vectors], T* y, std::int64_t count,
                              bool streams) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto bytes = static_cast<std::uintptr_t>(lanes) * sizeof(T);
  if (streams && count >= vectors * lanes && reinterpret_cast<std::uintptr_t>(y) % bytes == 0) {
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) hn::Stream(sums[v], d, y + v * lanes);
    return;
  }
  HWY_UNROLL(8)
  for (int v = 0; v < vectors; ++v) {
    const std::int64_t left = count - v * lanes;
    if (left >= lanes) {
      hn::StoreU(sums[v], d, y + v * lanes);
    } else if (left > 0) {
      store_part(d, sums[v], y + v * lanes, left);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();

#endif
