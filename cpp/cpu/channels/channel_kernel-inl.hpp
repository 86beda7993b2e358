// Included by kernel.hpp once for each instruction set; hence no include guard.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/channels/channel_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sums, inputs and one weight fill the registers: 24 + 3 + 1 of 32, or 8 + 2 + 1 of 16.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
inline constexpr int tile_channels = 8, tile_vectors = 3;
#else
inline constexpr int tile_channels = 4, tile_vectors = 2;
#endif

// Vectors of what is multiplied, and of sums, or halves of vectors.
template <typename T, bool half = false>
struct Products {
  using D = hn::ScalableTag<T, half ? -1 : 0>;
  using Value = hn::Vec<D>;
  using Sum = hn::Vec<D>;

  static std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }
  static HWY_INLINE Value load(const T* x) { return hn::LoadU(D(), x); }
  static HWY_INLINE Value weight(const T& w) { return hn::Set(D(), w); }
  static HWY_INLINE Sum add(Sum sum, Value x, Value w) { return hn::MulAdd(x, w, sum); }
  static HWY_INLINE void store_sum(Sum sum, T* y) { hn::StoreU(sum, D(), y); }
  static HWY_INLINE void add_sum(Sum sum, T* y) { store_sum(hn::Add(hn::LoadU(D(), y), sum), y); }
};

#if FALTUNG_ADDS_INT16_PAIRS
template <bool half>
struct Products<Int16Pair, half> {
  using D = hn::ScalableTag<std::int32_t, half ? -1 : 0>;
  using D16 = hn::Repartition<std::int16_t, D>;
  using Unsigned = hn::RebindToUnsigned<D>;
  using Value = hn::Vec<D16>;
  using Sum = hn::Vec<D>;

  static std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }
  static HWY_INLINE Value load(const Int16Pair* x) { return hn::LoadU(D16(), &x->first); }
  static HWY_INLINE Value weight(const Int16Pair& w) {
    return hn::BitCast(D16(), hn::Set(D(), std::bit_cast<std::int32_t>(w)));
  }
  // pmaddwd, which wraps and does not saturate.
  static HWY_INLINE Sum add(Sum sum, Value x, Value w) {
    Sum unused = hn::Zero(D());
    return hn::ReorderWidenMulAccumulate(D(), x, w, sum, unused);
  }
  static HWY_INLINE void store_sum(Sum sum, std::uint32_t* y) {
    hn::StoreU(hn::BitCast(Unsigned(), sum), Unsigned(), y);
  }
  static HWY_INLINE void add_sum(Sum sum, std::uint32_t* y) {
    store_sum(hn::Add(hn::BitCast(D(), hn::LoadU(Unsigned(), y)), sum), y);
  }
};
#endif

template <int vectors, bool half = false, typename T>
HWY_INLINE void channel_tile(const ChannelSums<T>& a, std::int64_t first) {
  using P = Products<T, half>;
  const std::int64_t lanes = Products<T>::lanes();
  typename P::Sum sums[tile_channels][vectors];
  HWY_UNROLL(8)
  for (int k = 0; k < tile_channels; ++k) {
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) sums[k][v] = hn::Zero(typename P::D());
  }
  const T* from[vectors];
  for (int v = 0; v < vectors; ++v) from[v] = a.x + a.vectors[first + v];
  // Three weights from each of a few pointers: they must all stay in registers.
  const T* w[(tile_channels + 2) / 3];
  for (int k = 0; k < tile_channels; k += 3) w[k / 3] = a.w + k * a.w_channel;
  const auto add_row = [&](std::int64_t offset) HWY_ATTR {
    typename P::Value values[vectors];
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) values[v] = P::load(from[v] + offset);
    HWY_UNROLL(8)
    for (int k = 0; k < tile_channels; ++k) {
      const auto weight = P::weight(w[k / 3][k % 3 * a.w_channel]);
      HWY_UNROLL(4)
      for (int v = 0; v < vectors; ++v) sums[k][v] = P::add(sums[k][v], values[v], weight);
    }
    for (const T*& pointer : w) pointer += a.w_step;
  };
  if (a.tap_count == 1) {  // the inner loop is the long one
    // Counted down: one number less to keep in registers, which are scarce.
    std::int64_t offset = a.taps[0];
    for (std::int64_t left = a.channels; left > 0; --left, offset += a.channel_step) {
      add_row(offset);
    }
  } else {
    for (std::int64_t c = 0; c < a.channels; ++c) {
      for (std::int64_t t = 0; t < a.tap_count; ++t) add_row(c * a.channel_step + a.taps[t]);
    }
  }
  HWY_UNROLL(8)
  for (int k = 0; k < tile_channels; ++k) {
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) {
      auto* y = a.y + (k * a.vector_count + first + v) * lanes;
      if (a.adds) {
        P::add_sum(sums[k][v], y);
      } else {
        P::store_sum(sums[k][v], y);
      }
    }
  }
}

template <typename T>
void channel_sums(const ChannelSums<T>& a) {
  std::int64_t v = 0;
  for (; v + tile_vectors <= a.vector_count; v += tile_vectors) {
    channel_tile<tile_vectors>(a, v);
  }
  if constexpr (tile_vectors > 2) {
    for (; v + 2 <= a.vector_count; v += 2) channel_tile<2>(a, v);
  }
  for (; v < a.vector_count; ++v) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
    // Zen 4 multiplies two halves in the time of one vector.
    if (v + 1 == a.vector_count && a.last_values <= Products<T, true>::lanes()) {
      return channel_tile<1, true>(a, v);
    }
#endif
    channel_tile<1>(a, v);
  }
}

// Reads and writes no value beyond the piece.
template <class D, typename T = hn::TFromD<D>>
HWY_INLINE void copy_piece(D d, const T* HWY_RESTRICT from, T* HWY_RESTRICT to,
                           std::int64_t count) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  if (i == count) return;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  const auto rest = hn::FirstN(d, static_cast<std::size_t>(count - i));
  hn::BlendedStore(hn::MaskedLoad(rest, d, from + i), rest, d, to + i);
#else
  if (count >= lanes) {
    hn::StoreU(hn::LoadU(d, from + count - lanes), d, to + count - lanes);
  } else {
    for (; i < count; ++i) to[i] = from[i];
  }
#endif
}

template <typename T>
void pack_panels(const PanelRows<T>& a) {
  const hn::ScalableTag<T> d;
  T* row = a.y;
  for (std::int64_t c = 0; c < a.channels; ++c) {
    const T* x = a.x + c * a.channel_step;
    const PanelPiece* piece = a.pieces;
    for (std::int64_t t = 0; t < a.tap_count; ++t, row += a.row_step) {
      for (const PanelPiece* end = a.pieces + a.ends[t]; piece != end; ++piece) {
        if (piece->from == PanelPiece::zeros) {
          std::fill_n(row + piece->to, piece->count, T(0));
        } else {
          copy_piece(d, x + piece->from, row + piece->to, piece->count);
        }
      }
    }
  }
}

#if FALTUNG_ADDS_INT16_PAIRS
// The values of two channels side by side; zeros for the second if it is null.
HWY_INLINE void pair_up(const std::int16_t* first, const std::int16_t* second, Int16Pair* to,
                        std::int64_t count) {
  const hn::ScalableTag<std::int16_t> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto others = second == nullptr ? hn::Zero(d) : hn::LoadU(d, second + i);
    hn::StoreInterleaved2(hn::LoadU(d, first + i), others, d, &to[i].first);
  }
  for (; i < count; ++i) to[i] = {first[i], second == nullptr ? std::int16_t{0} : second[i]};
}

inline void pack_pairs(const PanelRows<Int16Pair>& a) {
  Int16Pair* row = a.y;
  for (std::int64_t c = 0; c < a.channels; c += 2) {
    const std::int16_t* first = a.x + c * a.channel_step;
    const std::int16_t* second = c + 1 < a.channels ? first + a.channel_step : nullptr;
    const PanelPiece* piece = a.pieces;
    for (std::int64_t t = 0; t < a.tap_count; ++t, row += a.row_step) {
      for (const PanelPiece* end = a.pieces + a.ends[t]; piece != end; ++piece) {
        if (piece->from == PanelPiece::zeros) {
          std::fill_n(row + piece->to, piece->count, Int16Pair{});
        } else {
          pair_up(first + piece->from, second == nullptr ? nullptr : second + piece->from,
                  row + piece->to, piece->count);
        }
      }
    }
  }
}
#endif

template <typename T>
void stream_rows(const RowCopies<T>& a) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto bytes = static_cast<std::uintptr_t>(lanes) * sizeof(T);
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const T* from = a.from + row * a.from_step;
    T* to = a.to + row * a.to_step;
    std::int64_t i = 0;
    while (i < a.count && reinterpret_cast<std::uintptr_t>(to + i) % bytes != 0) {
      to[i] = from[i];
      ++i;
    }
    for (; i + lanes <= a.count; i += lanes) hn::Stream(hn::LoadU(d, from + i), d, to + i);
    for (; i < a.count; ++i) to[i] = from[i];
  }
  hwy::FlushStream();
}

template <typename T>
ChannelShape<T> make_channel_kernel() {
  using Lane = std::conditional_t<std::is_floating_point_v<T>, T, std::int32_t>;
  [[maybe_unused]] const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<Lane>()));
  if constexpr (std::is_floating_point_v<T>) {
    return {tile_channels, tile_vectors, lanes, channel_sums<T>, pack_panels<T>, stream_rows<T>};
  } else {
#if FALTUNG_ADDS_INT16_PAIRS
    return {tile_channels,   tile_vectors, lanes,
            channel_sums<T>, pack_pairs,   stream_rows<std::uint32_t>};
#else
    return {};
#endif
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace faltung
HWY_AFTER_NAMESPACE();
