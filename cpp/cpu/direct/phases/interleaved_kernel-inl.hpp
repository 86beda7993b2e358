// Included by kernel.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "cpp/cpu/direct/phases/interleaved_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL

// Vectors of each phase of a tile: as many as leave registers for what they meet.
template <int phases>
inline constexpr int interleaved_vectors = phases <= 2 ? 4 : 2;

template <int phases, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void store_interleaved(D d, const V* sums, T* to) {
  if constexpr (phases == 1) hn::StoreU(sums[0], d, to);
  if constexpr (phases == 2) hn::StoreInterleaved2(sums[0], sums[1], d, to);
  if constexpr (phases == 3) hn::StoreInterleaved3(sums[0], sums[1], sums[2], d, to);
  if constexpr (phases == 4) hn::StoreInterleaved4(sums[0], sums[1], sums[2], sums[3], d, to);
}

// The first `count` outputs of a vector of each phase.
template <int phases, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void store_some(D d, const V* sums, std::int64_t count, T* to) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  if (count >= phases * lanes) return store_interleaved<phases>(d, sums, to);
  HWY_ALIGN T all[phases * (HWY_MAX_BYTES / sizeof(T))];
  store_interleaved<phases>(d, sums, all);
  for (std::int64_t i = 0; i < count; i += lanes) {
    const auto some = hn::FirstN(d, static_cast<std::size_t>(std::min(lanes, count - i)));
    hn::BlendedStore(hn::Load(d, all + i), some, d, to + i);
  }
}

// One tile of all rows: vectors that lie within the rows of x.
template <int phases, int vectors, typename T>
HWY_INLINE void inner_tile(const InterleavedRows<T>& a, std::int64_t m) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const MetRow<T>* met = a.met;
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const std::int64_t count = a.counts[row];
    V sums[vectors][phases];
    std::int64_t tap = 0;
    HWY_UNROLL(4)
    for (int p = 0; p < phases; ++p) {
      const std::int64_t end = tap + a.taps[p];
      V own[vectors];
      for (int v = 0; v < vectors; ++v) own[v] = hn::Zero(d);
      for (std::int64_t i = 0; i < count; ++i) {
        const T* x = met[i].x + m;
        for (std::int64_t t = tap; t < end; ++t) {
          const V weight = hn::Set(d, met[i].w[t]);
          const T* from = x + a.places[t];
          HWY_UNROLL(4)
          for (int v = 0; v < vectors; ++v) {
            own[v] = hn::MulAdd(hn::LoadU(d, from + v * lanes), weight, own[v]);
          }
        }
      }
      for (int v = 0; v < vectors; ++v) sums[v][p] = own[v];
      tap = end;
    }
    T* to = a.y + row * a.y_row_step + phases * (m - a.first);
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) {
      store_interleaved<phases>(d, sums[v], to + v * phases * lanes);
    }
    met += count;
  }
}

// The same where some lanes may lie beyond the rows of x or of y: which ones is the same in all.
template <int phases, typename T>
HWY_INLINE void outer_tile(const InterleavedRows<T>& a, std::int64_t m) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  hn::Mask<decltype(d)> inside[max_row_taps];
  std::int64_t all = 0;
  for (int p = 0; p < phases; ++p) all += a.taps[p];
  for (std::int64_t t = 0; t < all; ++t) {
    const std::int64_t at = m + a.places[t];
    const auto lanes_to = [&](std::int64_t end) {
      return hn::FirstN(d, static_cast<std::size_t>(std::clamp<std::int64_t>(end, 0, lanes)));
    };
    inside[t] = hn::AndNot(lanes_to(-at), lanes_to(a.width - at));
  }
  const std::int64_t columns = a.columns - phases * (m - a.first);
  const MetRow<T>* met = a.met;
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const std::int64_t count = a.counts[row];
    V sums[phases];
    std::int64_t tap = 0;
    HWY_UNROLL(4)
    for (int p = 0; p < phases; ++p) {
      const std::int64_t end = tap + a.taps[p];
      sums[p] = hn::Zero(d);
      for (std::int64_t i = 0; i < count; ++i) {
        const T* x = met[i].x + m;
        for (std::int64_t t = tap; t < end; ++t) {
          const V values = hn::MaskedLoad(inside[t], d, x + a.places[t]);
          sums[p] = hn::MulAdd(values, hn::Set(d, met[i].w[t]), sums[p]);
        }
      }
      tap = end;
    }
    store_some<phases>(d, sums, columns, a.y + row * a.y_row_step + phases * (m - a.first));
    met += count;
  }
}

template <int phases, typename T>
HWY_NOINLINE void interleaved_rows(const InterleavedRows<T>& a) {
  const hn::ScalableTag<T> d;
  constexpr int vectors = interleaved_vectors<phases>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t all = 0;
  for (int p = 0; p < phases; ++p) all += a.taps[p];
  std::int64_t left = 0, right = 0;  // how far taps reach before and behind their output
  for (std::int64_t t = 0; t < all; ++t) {
    left = std::min(left, a.places[t]);
    right = std::max(right, a.places[t]);
  }
  const auto is_inner = [&](std::int64_t m, std::int64_t count) {
    return m + left >= 0 && m + count + right <= a.width &&
           phases * (m + count - a.first) <= a.columns;
  };
  const std::int64_t end = a.first + (a.columns + phases - 1) / phases;
  for (std::int64_t m = a.first; m < end;) {
    if (is_inner(m, vectors * lanes)) {
      inner_tile<phases, vectors>(a, m);
      m += vectors * lanes;
    } else if (is_inner(m, lanes)) {
      inner_tile<phases, 1>(a, m);
      m += lanes;
    } else {
      outer_tile<phases>(a, m);
      m += lanes;
    }
  }
}

template <typename T>
void run_interleaved(const InterleavedRows<T>& a) {
  switch (a.phases) {
    case 1:
      return interleaved_rows<1>(a);
    case 2:
      return interleaved_rows<2>(a);
    case 3:
      return interleaved_rows<3>(a);
    default:
      return interleaved_rows<4>(a);
  }
}

template <typename T>
InterleavedKernel<T> make_interleaved_kernel() {
  return run_interleaved<T>;
}
#else
template <typename T>
InterleavedKernel<T> make_interleaved_kernel() {
  return nullptr;
}
#endif

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();
