// Included by in_place_kernel-inl.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "cpp/cpu/direct/in_place/in_place_kernel.hpp"
#include "cpp/cpu/direct/stencil/row_vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL

template <typename T>
using InPlaceTag = hn::ScalableTag<T>;
template <typename T>
using InPlaceVector = hn::Vec<InPlaceTag<T>>;

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

// The vectors of a tile's columns. With zeros beyond the row, lanes there are masked and not read;
// with other boundaries, a vector across an end is selected from the first and the last of the row.
template <typename T, typename E, int vectors>
class InPlaceColumns {
 public:
  HWY_INLINE InPlaceColumns(const InPlaceRows<T, E>& a, std::int64_t first)
      : first_(first), last_(a.width - lanes), ends_(a.ends) {
    const InPlaceTag<T> d;
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v, first += lanes) {
      const auto begin = std::clamp<std::int64_t>(-first, 0, lanes);
      const auto end = std::clamp<std::int64_t>(a.width - first, 0, lanes);
      masks_[v] = hn::AndNot(hn::FirstN(d, static_cast<std::size_t>(begin)),
                             hn::FirstN(d, static_cast<std::size_t>(end)));
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
  HWY_INLINE void load(const E* row, InPlaceVector<T> (&x)[vectors]) const {
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) {
      x[v] = end_[v] == nullptr ? load_masked(masks_[v], row + first_ + v * lanes)
                                : end(row, *end_[v]);
    }
  }

 private:
  static constexpr std::int64_t lanes = in_place_lanes<T>;

  HWY_INLINE InPlaceVector<T> end(const E* row, const InPlaceEnd<T>& end) const {
    const InPlaceTag<T> d;
    const auto all = hn::FirstN(d, lanes);
    const auto values =
        select(load_masked(all, row), end.index.data(), load_masked(all, row + last_));
    const auto inside = hn::LoadMaskBits(d, reinterpret_cast<const std::uint8_t*>(&end.inside));
    return hn::IfThenElse(inside, values, hn::Set(d, ends_->constant));
  }

  std::int64_t first_, last_;
  const InPlaceEnds<T>* ends_;
  hn::Mask<InPlaceTag<T>> masks_[vectors];
  const InPlaceEnd<T>* end_[vectors];  // null: masked
};

#endif

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();
