// Included once for each instruction set by way of foreach_target.h; hence no include guard that
// outlives one of them.
#if defined(FALTUNG_IN_PLACE_COLUMNS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FALTUNG_IN_PLACE_COLUMNS_INL
#undef FALTUNG_IN_PLACE_COLUMNS_INL
#else
#define FALTUNG_IN_PLACE_COLUMNS_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "cpp/cpu/direct/in_place_kernel.hpp"
#include "cpp/cpu/direct/row_vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL

template <typename T>
using InPlaceTag = hn::ScalableTag<T>;
template <typename T>
using InPlaceVector = hn::Vec<InPlaceTag<T>>;

// The vectors of a tile's columns, with zeros beyond the row. Lanes that are masked are not read.
template <typename T, int vectors>
class ZeroColumns {
 public:
  HWY_INLINE ZeroColumns(const InPlaceRows<T>& a, std::int64_t first) : first_(first) {
    const InPlaceTag<T> d;
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v, first += lanes) {
      const auto begin = std::clamp<std::int64_t>(-first, 0, lanes);
      const auto end = std::clamp<std::int64_t>(a.width - first, 0, lanes);
      masks_[v] = hn::AndNot(hn::FirstN(d, static_cast<std::size_t>(begin)),
                             hn::FirstN(d, static_cast<std::size_t>(end)));
    }
  }
  HWY_INLINE void load(const T* row, InPlaceVector<T> (&x)[vectors]) const {
    const InPlaceTag<T> d;
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) {
      x[v] = hn::MaskedLoad(masks_[v], d, row + first_ + v * lanes);
    }
  }

 private:
  static constexpr std::int64_t lanes = in_place_lanes<T>;
  std::int64_t first_;
  hn::Mask<InPlaceTag<T>> masks_[vectors];
};

HWY_INLINE auto select(hn::Vec<hn::ScalableTag<float>> first, const std::int32_t* index,
                       hn::Vec<hn::ScalableTag<float>> last) {
  return hn::Vec<hn::ScalableTag<float>>{
      _mm512_permutex2var_ps(first.raw, _mm512_loadu_si512(index), last.raw)};
}
HWY_INLINE auto select(hn::Vec<hn::ScalableTag<double>> first, const std::int64_t* index,
                       hn::Vec<hn::ScalableTag<double>> last) {
  return hn::Vec<hn::ScalableTag<double>>{
      _mm512_permutex2var_pd(first.raw, _mm512_loadu_si512(index), last.raw)};
}

// The same with other boundaries: what lies beyond a row is selected from its first and last
// vector.
template <typename T, int vectors>
class ExtendedColumns {
 public:
  HWY_INLINE ExtendedColumns(const InPlaceRows<T>& a, std::int64_t first)
      : first_(first), last_(a.width - lanes), constant_(a.ends->constant) {
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v, first += lanes) {
      // A vector that starts behind the row is the second; of others behind it nothing is needed.
      ends_[v] = first < 0         ? &a.ends->left
                 : first <= last_  ? nullptr
                 : first < a.width ? &a.ends->right[0]
                                   : &a.ends->right[1];
    }
  }
  HWY_INLINE void load(const T* row, InPlaceVector<T> (&x)[vectors]) const {
    const InPlaceTag<T> d;
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) {
      x[v] = ends_[v] == nullptr ? hn::LoadU(d, row + first_ + v * lanes) : end(row, *ends_[v]);
    }
  }

 private:
  static constexpr std::int64_t lanes = in_place_lanes<T>;

  HWY_INLINE InPlaceVector<T> end(const T* row, const InPlaceEnd<T>& end) const {
    const InPlaceTag<T> d;
    const auto values = select(hn::LoadU(d, row), end.index.data(), hn::LoadU(d, row + last_));
    const auto inside = hn::LoadMaskBits(d, reinterpret_cast<const std::uint8_t*>(&end.inside));
    return hn::IfThenElse(inside, values, hn::Set(d, constant_));
  }

  std::int64_t first_, last_;
  T constant_;
  const InPlaceEnd<T>* ends_[vectors];  // null: within the row
};

#endif

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();

#endif
