// Included by in_place_kernel-inl.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/direct/in_place/in_place_kernel.hpp"
#include "cpp/cpu/direct/stencil/row_vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL

template <typename T>
using InPlaceTag = hn::ScalableTag<T>;
template <typename T>
using InPlaceVector = hn::Vec<InPlaceTag<T>>;
template <typename T>
inline constexpr int in_place_lanes = HWY_MAX_BYTES / sizeof(T);

#if HWY_TARGET == HWY_AVX2
// Where taps lie is read once more for each: the 16 registers hold no vectors to shift.
inline constexpr bool in_place_shifts = false;

HWY_INLINE InPlaceVector<float> select(InPlaceVector<float> first, const std::int32_t* index,
                                       InPlaceVector<float> last) {
  const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index));
  const __m256 in_last = _mm256_castsi256_ps(_mm256_cmpgt_epi32(at, _mm256_set1_epi32(7)));
  return InPlaceVector<float>{_mm256_blendv_ps(_mm256_permutevar8x32_ps(first.raw, at),
                                               _mm256_permutevar8x32_ps(last.raw, at), in_last)};
}
// Doubles are permuted by their halves.
HWY_INLINE InPlaceVector<double> select(InPlaceVector<double> first, const std::int64_t* index,
                                        InPlaceVector<double> last) {
  const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index));
  const __m256i in_last = _mm256_cmpgt_epi64(at, _mm256_set1_epi64x(3));
  const __m256i low = _mm256_add_epi64(at, at);
  const __m256i high = _mm256_add_epi64(low, _mm256_set1_epi64x(1));
  const __m256i halves = _mm256_or_si256(low, _mm256_slli_epi64(high, 32));
  const auto permuted = [&](__m256d values) {
    return _mm256_permutevar8x32_ps(_mm256_castpd_ps(values), halves);
  };
  return InPlaceVector<double>{_mm256_castps_pd(
      _mm256_blendv_ps(permuted(first.raw), permuted(last.raw), _mm256_castsi256_ps(in_last)))};
}
HWY_INLINE InPlaceVector<float> load_bytes(const std::uint8_t* from) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return InPlaceVector<float>{_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))};
}
// Bytes `first` to first + 7 of a row, zeros beyond it: no instruction loads some bytes.
HWY_INLINE InPlaceVector<float> load_bytes_of(const std::uint8_t* row, std::int64_t width,
                                              std::int64_t first) {
  constexpr std::int64_t lanes = 8;
  if (first >= 0 && first + lanes <= width) return load_bytes(row + first);
  std::uint64_t bytes = 0;
  if (width < lanes) {
    const std::int64_t begin = std::max<std::int64_t>(first, 0);
    const std::int64_t end = std::min(first + lanes, width);
    for (std::int64_t i = begin; i < end; ++i) bytes |= std::uint64_t{row[i]} << 8 * (i - first);
  } else if (first > -lanes && first < width) {
    __builtin_memcpy(&bytes, first < 0 ? row : row + width - lanes, sizeof(bytes));
    bytes = first < 0 ? bytes << -8 * first : bytes >> 8 * (first + lanes - width);
  }
  return load_bytes(reinterpret_cast<const std::uint8_t*>(&bytes));
}
#else
inline constexpr bool in_place_shifts = true;

HWY_INLINE InPlaceVector<float> select(InPlaceVector<float> first, const std::int32_t* index,
                                       InPlaceVector<float> last) {
  return InPlaceVector<float>{
      _mm512_permutex2var_ps(first.raw, _mm512_loadu_si512(index), last.raw)};
}
HWY_INLINE InPlaceVector<double> select(InPlaceVector<double> first, const std::int64_t* index,
                                        InPlaceVector<double> last) {
  return InPlaceVector<double>{
      _mm512_permutex2var_pd(first.raw, _mm512_loadu_si512(index), last.raw)};
}
// Elements where the mask says so, zeros in the other lanes, which are not read.
HWY_INLINE InPlaceVector<float> load_masked(hn::Mask<InPlaceTag<float>> mask, const float* from) {
  return hn::MaskedLoad(mask, InPlaceTag<float>(), from);
}
HWY_INLINE InPlaceVector<double> load_masked(hn::Mask<InPlaceTag<double>> mask,
                                             const double* from) {
  return hn::MaskedLoad(mask, InPlaceTag<double>(), from);
}
HWY_INLINE InPlaceVector<float> load_masked(hn::Mask<InPlaceTag<float>> mask,
                                            const std::uint8_t* from) {
  const __m512i wide = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask.raw, from));
  return InPlaceVector<float>{_mm512_cvtepi32_ps(wide)};
}
HWY_INLINE InPlaceVector<float> load_bytes(const std::uint8_t* from) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return InPlaceVector<float>{_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
}
#endif

HWY_INLINE InPlaceVector<float> load_all(const float* from) {
  return hn::LoadU(InPlaceTag<float>(), from);
}
HWY_INLINE InPlaceVector<double> load_all(const double* from) {
  return hn::LoadU(InPlaceTag<double>(), from);
}
HWY_INLINE InPlaceVector<float> load_all(const std::uint8_t* from) { return load_bytes(from); }

#if HWY_TARGET == HWY_AVX2
// A row of x under a tile that lies within it: values are read where each tap needs them, bytes,
// which have to be converted, once.
template <typename T, typename E, int vectors>
class InnerColumns {
  static constexpr std::int64_t lanes = in_place_lanes<T>;

 public:
  static constexpr std::int64_t stride = 1;
  struct Values {
    const T* from;
    template <int t>
    HWY_INLINE InPlaceVector<T> at(int v) const {
      return hn::LoadU(InPlaceTag<T>(), from + t + v * lanes);
    }
  };
  struct Bytes {
    InPlaceVector<T> x[vectors + 1];
    template <int t>
    HWY_INLINE InPlaceVector<T> at(int v) const {
      if constexpr (t == 0) return x[v];
      return shifted<t>(InPlaceTag<T>(), x[v], x[v + 1]);
    }
  };
  HWY_INLINE InnerColumns(const InPlaceRows<T, E>&, std::int64_t first) : first_(first) {}
  HWY_INLINE Values row(const T* row) const { return {row + first_}; }
  HWY_INLINE Bytes row(const std::uint8_t* row) const {
    Bytes bytes;
    HWY_UNROLL(4)
    for (int v = 0; v <= vectors; ++v) bytes.x[v] = load_bytes(row + first_ + v * lanes);
    return bytes;
  }
  // Whether these are the columns of a tile: all that it reads lies within the row.
  static HWY_INLINE bool are(const InPlaceRows<T, E>& a, std::int64_t first) {
    const std::int64_t more = std::is_same_v<T, E> ? a.taps - 1 : lanes;
    return first >= 0 && first + vectors * lanes + more <= a.width;
  }

 private:
  std::int64_t first_;
};
#endif

// Neighbouring vectors of rows, of which lanes beyond the row are zeros and not read.
template <typename T, typename E, int vectors>
class MaskedVectors {
 public:
  HWY_INLINE MaskedVectors(const InPlaceRows<T, E>& a, std::int64_t first)
      : first_(first), width_(a.width) {
    const InPlaceTag<T> d;
    HWY_UNROLL(16)
    for (int v = 0; v < vectors; ++v, first += lanes) {
      const auto begin = std::clamp<std::int64_t>(-first, 0, lanes);
      const auto end = std::clamp<std::int64_t>(a.width - first, 0, lanes);
      masks_[v] = hn::AndNot(hn::FirstN(d, static_cast<std::size_t>(begin)),
                             hn::FirstN(d, static_cast<std::size_t>(end)));
    }
  }
  HWY_INLINE InPlaceVector<T> load(const E* row, int v) const {
#if HWY_TARGET == HWY_AVX2
    if constexpr (!std::is_same_v<T, E>) {
      return load_bytes_of(row, width_, first_ + v * lanes);
    } else {
      return hn::MaskedLoad(masks_[v], InPlaceTag<T>(), row + first_ + v * lanes);
    }
#else
    return load_masked(masks_[v], row + first_ + v * lanes);
#endif
  }

 private:
  static constexpr std::int64_t lanes = in_place_lanes<T>;
  std::int64_t first_, width_;
  hn::Mask<InPlaceTag<T>> masks_[vectors];
};

// The vectors of a tile's columns. With zeros beyond the row, lanes there are masked; with other
// boundaries, a vector across an end is selected from the first and the last of the row.
template <typename T, typename E, int tile_vectors>
class InPlaceColumns {
  static constexpr std::int64_t lanes = in_place_lanes<T>;
  // Taps are up to max_in_place_taps - 1 further on.
  static constexpr int vectors =
      tile_vectors + static_cast<int>((max_in_place_taps - 2 + lanes) / lanes);

 public:
  static constexpr std::int64_t stride = 1;
  struct Row {
    InPlaceVector<T> x[vectors];
    template <int t>
    HWY_INLINE InPlaceVector<T> at(int v) const {
      constexpr int whole = t / lanes, rest = t % lanes;
      if constexpr (rest == 0) return x[v + whole];
      return shifted<rest>(InPlaceTag<T>(), x[v + whole], x[v + whole + 1]);
    }
  };
  static HWY_INLINE bool are(const InPlaceRows<T, E>&, std::int64_t) { return true; }
  HWY_INLINE InPlaceColumns(const InPlaceRows<T, E>& a, std::int64_t first)
      : masked_(a, first), last_(a.width - lanes), ends_(a.ends) {
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v, first += lanes) {
      end_[v] = nullptr;
      if (ends_ == nullptr) continue;
      // A vector that starts past the row is the second; of others past it nothing is needed.
      if (first < 0) {
        end_[v] = &ends_->left;
      } else if (first > last_) {
        end_[v] = &ends_->right[first < a.width ? 0 : 1];
      }
    }
  }
  HWY_INLINE Row row(const E* row) const {
    Row values;
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) {
      values.x[v] = end_[v] == nullptr ? masked_.load(row, v) : end(row, *end_[v]);
    }
    return values;
  }

 private:
  HWY_INLINE InPlaceVector<T> end(const E* row, const InPlaceEnd<T>& end) const {
    const InPlaceTag<T> d;
    const auto values = select(load_all(row), end.index.data(), load_all(row + last_));
    const auto inside = hn::LoadMaskBits(d, reinterpret_cast<const std::uint8_t*>(&end.inside));
    return hn::IfThenElse(inside, values, hn::Set(d, ends_->constant));
  }

  MaskedVectors<T, E, vectors> masked_;
  std::int64_t last_;
  const InPlaceEnds<T>* ends_;
  const InPlaceEnd<T>* end_[vectors];  // null: masked
};

// Every other column, zeros beyond the row: pairs of vectors are taken apart, and even taps meet
// the one part, odd taps the other.
template <typename T, typename E, int tile_vectors>
class EveryOtherColumn {
  static constexpr int vectors = tile_vectors + 1;
  static_assert((max_in_place_taps - 1) / 2 < in_place_lanes<T>);

 public:
  static constexpr std::int64_t stride = 2;
  struct Row {
    InPlaceVector<T> x[2][vectors];
    template <int t>
    HWY_INLINE InPlaceVector<T> at(int v) const {
      if constexpr (t < 2) return x[t][v];
      return shifted<t / 2>(InPlaceTag<T>(), x[t % 2][v], x[t % 2][v + 1]);
    }
  };
  HWY_INLINE EveryOtherColumn(const InPlaceRows<T, E>& a, std::int64_t first) : masked_(a, first) {}
  HWY_INLINE Row row(const E* row) const {
    const InPlaceTag<T> d;
    Row values;
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) {
      const auto low = masked_.load(row, 2 * v), high = masked_.load(row, 2 * v + 1);
      values.x[0][v] = hn::ConcatEven(d, high, low);
      values.x[1][v] = hn::ConcatOdd(d, high, low);
    }
    return values;
  }

 private:
  MaskedVectors<T, E, 2 * vectors> masked_;
};

#endif

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();
