// Included by kernel.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/dots/dots_kernel.hpp"
#include "cpp/cpu/direct/stencil/row_vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The first `count` elements at `from`, zeros after them; no others are read.
template <class D, typename T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_first(D d, const T* from, std::int64_t count) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count)), d, from);
#else
  HWY_ALIGN T part[HWY_MAX_BYTES / sizeof(T)] = {};
  std::copy_n(from, count, part);
  return hn::Load(d, part);
#endif
}

template <int channels, int outputs, class D, class V, typename T = hn::TFromD<D>>
HWY_INLINE void end_dots(D d, V (&sums)[channels][outputs], T (&totals)[channels][outputs]) {
  HWY_UNROLL(8)
  for (int k = 0; k < channels; ++k) {
    HWY_UNROLL(8)
    for (int o = 0; o < outputs; ++o) {
      totals[k][o] += hn::GetLane(hn::SumOfLanes(d, sums[k][o]));
      sums[k][o] = hn::Zero(d);
    }
  }
}

template <int channels, int outputs, class D, typename T = hn::TFromD<D>>
HWY_INLINE void dot_tile(D d, const DotRows<T>& a, std::int64_t k, std::int64_t o) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t whole = a.taps - a.taps % lanes;
  V sums[channels][outputs];
  T totals[channels][outputs] = {};
  HWY_UNROLL(8)
  for (int i = 0; i < channels; ++i) {
    HWY_UNROLL(8)
    for (int j = 0; j < outputs; ++j) sums[i][j] = hn::Zero(d);
  }
  const T* const* rows = a.x + o * a.rows;
  const T* w = a.w + k * a.w_channel;
  const auto add = [&](const T* const* x, const T* weights, std::int64_t t, auto&& load) {
    V values[outputs];
    HWY_UNROLL(8)
    for (int j = 0; j < outputs; ++j) values[j] = load(x[j] + t);
    HWY_UNROLL(8)
    for (int i = 0; i < channels; ++i) {
      const V weight = load(weights + i * a.w_channel + t);
      HWY_UNROLL(8)
      for (int j = 0; j < outputs; ++j) sums[i][j] = hn::MulAdd(values[j], weight, sums[i][j]);
    }
  };
  std::int64_t left = sum_block;  // products of each lane in this block
  for (std::int64_t row = 0; row < a.rows; ++row, w += a.taps) {
    const T* x[outputs];
    for (int j = 0; j < outputs; ++j) x[j] = rows[j * a.rows + row];
    for (std::int64_t t = 0; t < whole;) {
      const std::int64_t end = std::min(whole, t + left * lanes);
      left -= (end - t) / lanes;
      for (; t < end; t += lanes) {
        add(x, w, t, [&](const T* from) HWY_ATTR { return hn::LoadU(d, from); });
      }
      if (left > 0) continue;
      end_dots<channels, outputs>(d, sums, totals);
      left = sum_block;
    }
    if (whole == a.taps) continue;
    add(x, w, whole, [&](const T* from) HWY_ATTR { return load_first(d, from, a.taps - whole); });
    if (--left > 0) continue;
    end_dots<channels, outputs>(d, sums, totals);
    left = sum_block;
  }
  if (left < sum_block) end_dots<channels, outputs>(d, sums, totals);
  for (int i = 0; i < channels; ++i) {
    for (int j = 0; j < outputs; ++j) {
      a.y[(o + j) * a.y_output + (k + i) * a.y_channel] = totals[i][j];
    }
  }
}

// All outputs from `o` on that fill tiles, under the channels from `k` on; returns the next output.
template <int channels, int outputs, class D, typename T = hn::TFromD<D>>
HWY_NOINLINE std::int64_t dot_tiles(D d, const DotRows<T>& a, std::int64_t k, std::int64_t o) {
  for (; o + outputs <= a.outputs; o += outputs) dot_tile<channels, outputs>(d, a, k, o);
  return o;
}

template <typename T>
void dot_rows(const DotRows<T>& a) {
  const hn::ScalableTag<T> d;
  std::int64_t k = 0;
  // One output shares its rows with as many channels as there are sums that none waits for.
  if (a.outputs == 1) {
    for (; k + 8 <= a.channels; k += 8) dot_tiles<8, 1>(d, a, k, 0);
  }
  for (; k + 4 <= a.channels; k += 4) {
    const std::int64_t o = dot_tiles < 4, many_registers ? 4 : 2 > (d, a, k, 0);
    dot_tiles<4, 1>(d, a, k, o);
  }
  for (; k < a.channels; ++k) {
    std::int64_t o = dot_tiles<1, 8>(d, a, k, 0);
    o = dot_tiles<1, 4>(d, a, k, o);
    dot_tiles<1, 1>(d, a, k, o);
  }
}

template <typename T>
DotKernel<T> make_dots_kernel() {
  return {static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>())), dot_rows<T>};
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();
