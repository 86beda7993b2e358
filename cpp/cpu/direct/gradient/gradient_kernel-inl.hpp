// Included by kernel.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <cstdint>

#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/gradient/gradient_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sums, gradients and one input fill the registers: 24 + 4 + 1 of 32, or 12 + 2 + 1 of 16.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
inline constexpr int gradient_vectors = 4;
#else
inline constexpr int gradient_vectors = 2;
#endif
inline constexpr int gradient_rows = 6;
// Enough sums that none waits for the one before it, about as many pointers as there are registers,
// and a 3x3 filter in one tile, 3x3x3 in three.
inline constexpr int gradient_taps = 9;

// Adds the partial sums of a block to those in memory, and starts new ones.
template <int vectors, class D, class V = hn::Vec<D>, typename T = hn::TFromD<D>>
HWY_INLINE void end_block(D d, V (&sums)[gradient_rows][vectors], T* to, std::int64_t step) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_UNROLL(6)
  for (int i = 0; i < gradient_rows; ++i) {
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) {
      T* at = to + i * step + v * lanes;
      hn::StoreU(hn::Add(hn::LoadU(d, at), sums[i][v]), d, at);
      sums[i][v] = hn::Zero(d);
    }
  }
}
template <class D, class V = hn::Vec<D>, typename T = hn::TFromD<D>>
HWY_INLINE void end_block(D d, V (&sums)[gradient_taps], T* to) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_UNROLL(9)
  for (int i = 0; i < gradient_taps; ++i) {
    hn::StoreU(hn::Add(hn::LoadU(d, to + i * lanes), sums[i]), d, to + i * lanes);
    sums[i] = hn::Zero(d);
  }
}

template <int vectors, class D, typename T = hn::TFromD<D>>
HWY_INLINE void channel_gradient_tile(D d, const ChannelGradient<T>& a, std::int64_t row,
                                      std::int64_t channel) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  T* to = a.sums + row * a.channels + channel;
  V sums[gradient_rows][vectors];
  HWY_UNROLL(6)
  for (int i = 0; i < gradient_rows; ++i) {
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) sums[i][v] = hn::Zero(d);
  }
  std::int64_t left = sum_block;  // products of this block
  const T* dy = a.dy + channel;
  for (std::int64_t z = 0; z < a.box.outputs[0]; ++z) {
    for (std::int64_t y = 0; y < a.box.outputs[1]; ++y) {
      const T* from[gradient_rows];
      for (int i = 0; i < gradient_rows; ++i) {
        from[i] = a.x + a.rows[row + i] + z * a.box.plane_step + y * a.box.row_step;
      }
      for (std::int64_t o = 0; o < a.box.outputs[2]; ++o, dy += a.channels) {
        V gradients[vectors];
        HWY_UNROLL(4)
        for (int v = 0; v < vectors; ++v) gradients[v] = hn::LoadU(d, dy + v * lanes);
        HWY_UNROLL(6)
        for (int i = 0; i < gradient_rows; ++i) {
          const V value = hn::Set(d, from[i][o]);
          HWY_UNROLL(4)
          for (int v = 0; v < vectors; ++v) {
            sums[i][v] = hn::MulAdd(value, gradients[v], sums[i][v]);
          }
        }
      }
      left -= a.box.outputs[2];
      if (left > 0) continue;
      end_block<vectors>(d, sums, to, a.channels);
      left = sum_block;
    }
  }
  if (left < sum_block) end_block<vectors>(d, sums, to, a.channels);
}

// All tiles of as many vectors as fit, from channel `first`; returns the channel after them.
template <int vectors, class D, typename T = hn::TFromD<D>>
HWY_NOINLINE std::int64_t channel_gradient_tiles(D d, const ChannelGradient<T>& a,
                                                 std::int64_t first) {
  const std::int64_t width = vectors * static_cast<std::int64_t>(hn::Lanes(d));
  for (; first + width <= a.channels; first += width) {
    for (std::int64_t row = 0; row < a.row_count; row += gradient_rows) {
      channel_gradient_tile<vectors>(d, a, row, first);
    }
  }
  return first;
}

template <typename T>
void channel_gradient(const ChannelGradient<T>& a) {
  const hn::ScalableTag<T> d;
  std::int64_t first = channel_gradient_tiles<gradient_vectors>(d, a, 0);
  if constexpr (gradient_vectors > 2) {
    first = channel_gradient_tiles<3>(d, a, first);
    first = channel_gradient_tiles<2>(d, a, first);
  }
  channel_gradient_tiles<1>(d, a, first);
}

template <typename T>
void stencil_gradient(const StencilGradient<T>& a) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t columns = a.box.outputs[2];
  const std::int64_t whole = columns - columns % lanes;
  // What lies past the last output of a row may be NaN: a gradient of zero would not hide it.
  const auto last = hn::FirstN(d, static_cast<std::size_t>(columns - whole));
  for (std::int64_t tap = 0; tap < a.tap_count; tap += gradient_taps) {
    V sums[gradient_taps];
    HWY_UNROLL(9)
    for (int i = 0; i < gradient_taps; ++i) sums[i] = hn::Zero(d);
    T* to = a.sums + tap * lanes;
    std::int64_t left = sum_block;  // products of each lane in this block
    const T* dy = a.dy;
    for (std::int64_t z = 0; z < a.box.outputs[0]; ++z) {
      for (std::int64_t y = 0; y < a.box.outputs[1]; ++y, dy += columns) {
        const T* from[gradient_taps];
        for (int i = 0; i < gradient_taps; ++i) {
          from[i] = a.x + a.taps[tap + i] + z * a.box.plane_step + y * a.box.row_step;
        }
        for (std::int64_t o = 0; o < whole; o += lanes) {
          const V gradient = hn::LoadU(d, dy + o);
          HWY_UNROLL(9)
          for (int i = 0; i < gradient_taps; ++i) {
            sums[i] = hn::MulAdd(hn::LoadU(d, from[i] + o), gradient, sums[i]);
          }
        }
        if (whole < columns) {
          const V gradient = hn::IfThenElseZero(last, hn::LoadU(d, dy + whole));
          HWY_UNROLL(9)
          for (int i = 0; i < gradient_taps; ++i) {
            const V value = hn::IfThenElseZero(last, hn::LoadU(d, from[i] + whole));
            sums[i] = hn::MulAdd(value, gradient, sums[i]);
          }
        }
        left -= (columns + lanes - 1) / lanes;
        if (left > 0) continue;
        end_block(d, sums, to);
        left = sum_block;
      }
    }
    if (left < sum_block) end_block(d, sums, to);
  }
}

template <typename T>
GradientKernels<T> make_gradient_kernel() {
  return {static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>())), gradient_rows, gradient_taps,
          channel_gradient<T>, stencil_gradient<T>};
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();
