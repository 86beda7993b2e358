// Included by kernel.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <cstdint>

#include "cpp/cpu/direct/phases/polyphase_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Outputs of one phase that share the taps they meet.
inline constexpr int shared_dots = 4;

// The sum, or with pairs those of even and of odd lanes.
template <bool pairs, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void store_dot(D d, V sum, T* y) {
  if constexpr (pairs) {
    HWY_ALIGN T lanes[HWY_MAX_BYTES / sizeof(T)];
    hn::Store(sum, d, lanes);
    T even = 0, odd = 0;
    for (std::size_t l = 0; l < hn::Lanes(d); l += 2) {
      even += lanes[l];
      odd += lanes[l + 1];
    }
    y[0] = even;
    y[1] = odd;
  } else {
    y[0] = hn::GetLane(hn::SumOfLanes(d, sum));
  }
}

// The first lanes from any address, zeros in the others; the rest of the vector is there to be
// read.
template <class D, class M, typename T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_first(D d, M mask, const T* from) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  return hn::MaskedLoad(mask, d, from);
#else
  return hn::IfThenElseZero(mask, hn::LoadU(d, from));  // MaskedLoad may want aligned addresses
#endif
}

// `count` outputs of one phase; `taps` counts values.
template <int count, bool pairs, typename T>
HWY_INLINE void phase_dots(const T* x, std::int64_t step, const T* w, std::int64_t taps, T* y,
                           std::int64_t y_step) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V sums[count];
  for (int m = 0; m < count; ++m) sums[m] = hn::Zero(d);
  std::int64_t j = 0;
  for (; j + lanes <= taps; j += lanes) {
    const V weights = hn::LoadU(d, w + j);
    HWY_UNROLL(4)
    for (int m = 0; m < count; ++m) {
      sums[m] = hn::MulAdd(hn::LoadU(d, x + m * step + j), weights, sums[m]);
    }
  }
  if (j < taps) {
    // What lies past the last value may be NaN: it must not meet the zeros among the weights.
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(taps - j));
    const V weights = load_first(d, mask, w + j);
    HWY_UNROLL(4)
    for (int m = 0; m < count; ++m) {
      sums[m] = hn::MulAdd(load_first(d, mask, x + m * step + j), weights, sums[m]);
    }
  }
  HWY_UNROLL(4)
  for (int m = 0; m < count; ++m) store_dot<pairs>(d, sums[m], y + m * y_step);
}

// Without vectors, whose lanes could hold a pair.
template <int parts, typename T>
HWY_INLINE void phase_dot_by_parts(const T* x, const T* w, std::int64_t taps, T* y) {
  for (int part = 0; part < parts; ++part) {
    T sum = 0;
    for (std::int64_t j = part; j < taps; j += parts) sum += w[j] * x[j];
    y[part] = sum;
  }
}

template <bool pairs, typename T>
HWY_INLINE void dots(const PhaseSums<T>& a) {
  constexpr int parts = pairs ? 2 : 1;
  const hn::ScalableTag<T> d;
  for (std::int64_t m = 0; m < a.outputs; m += shared_dots) {
    const bool all = m + shared_dots <= a.outputs && hn::Lanes(d) > 1;
    for (std::int64_t p = 0; p < a.phase_count; ++p) {
      const PhaseTaps& phase = a.phases[p];
      const T* x = a.x + parts * (phase.x + m * a.step);
      const T* w = a.w + parts * phase.first;
      T* y = a.y + parts * (m * a.y_step + p);
      const std::int64_t taps = parts * phase.taps;
      if (all) {
        phase_dots<shared_dots, pairs>(x, parts * a.step, w, taps, y, parts * a.y_step);
        continue;
      }
      for (std::int64_t i = m; i < a.outputs && i < m + shared_dots; ++i) {
        if (hn::Lanes(d) > 1) {
          phase_dots<1, pairs>(x, 0, w, taps, y, 0);
        } else {
          phase_dot_by_parts<parts>(x, w, taps, y);
        }
        x += parts * a.step;
        y += parts * a.y_step;
      }
    }
  }
}

template <int vectors, typename T>
HWY_INLINE void phase_row(const T* x, std::int64_t columns, const T* w, std::int64_t taps, T* y) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V sums[vectors];
  for (int v = 0; v < vectors; ++v) sums[v] = hn::Zero(d);
  for (std::int64_t j = 0; j < taps; ++j, x += columns) {
    const V weight = hn::Set(d, w[j]);
    HWY_UNROLL(8)
    for (int v = 0; v < vectors; ++v) {
      sums[v] = hn::MulAdd(hn::LoadU(d, x + v * lanes), weight, sums[v]);
    }
  }
  HWY_UNROLL(8)
  for (int v = 0; v < vectors; ++v) hn::StoreU(sums[v], d, y + v * lanes);
}

template <typename T>
HWY_INLINE void rows(const PhaseSums<T>& a) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  for (std::int64_t m = 0; m < a.outputs; ++m) {
    for (std::int64_t p = 0; p < a.phase_count; ++p) {
      const PhaseTaps& phase = a.phases[p];
      const T* x = a.x + (phase.x + m * a.step) * a.columns;
      const T* w = a.w + phase.first;
      T* y = a.y + (m * a.y_step + p) * a.columns;
      std::int64_t i = 0;
      for (; i + 8 * lanes <= a.columns; i += 8 * lanes) {
        phase_row<8>(x + i, a.columns, w, phase.taps, y + i);
      }
      for (; i + 2 * lanes <= a.columns; i += 2 * lanes) {
        phase_row<2>(x + i, a.columns, w, phase.taps, y + i);
      }
      for (; i < a.columns; i += lanes) phase_row<1>(x + i, a.columns, w, phase.taps, y + i);
    }
  }
}

template <typename T>
PhaseKernels<T> make_polyphase_kernel() {
  return {dots<false, T>, dots<true, T>, rows<T>};
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();
