#include <algorithm>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/channels/channel_kernel.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"

// By intrinsics: the oldest Highway that we use knows no instruction for pairs of bf16.
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define FALTUNG_HAVE_AVX512_BF16
#include <immintrin.h>
#define FALTUNG_BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#endif

namespace faltung {

#ifdef FALTUNG_HAVE_AVX512_BF16
namespace {

constexpr int tile_channels = 8, tile_vectors = 3, lanes = 16;

template <int vectors>
FALTUNG_BF16_TARGET void channel_tile(const ChannelSums<BFloat16Pair>& a, std::int64_t first) {
  float* y = a.y + first * lanes;
  __m512 sums[tile_channels][vectors];
#pragma GCC unroll 8
  for (int k = 0; k < tile_channels; ++k) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sums[k][v] = _mm512_setzero_ps();
  }
  const BFloat16Pair* from[vectors];
  for (int v = 0; v < vectors; ++v) from[v] = a.x + a.vectors[first + v];
  const BFloat16Pair* w = a.w;
  for (std::int64_t c = 0; c < a.channels; ++c) {
    for (std::int64_t t = 0; t < a.tap_count; ++t, w += tile_channels) {
      __m512i values[vectors];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) values[v] = _mm512_loadu_si512(from[v] + a.taps[t]);
#pragma GCC unroll 8
      for (int k = 0; k < tile_channels; ++k) {
        int weights;
        __builtin_memcpy(&weights, w + k, sizeof weights);
        const __m512i weight = _mm512_set1_epi32(weights);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          sums[k][v] = _mm512_dpbf16_ps(sums[k][v], (__m512bh)values[v], (__m512bh)weight);
        }
      }
    }
    for (int v = 0; v < vectors; ++v) from[v] += a.channel_step;
  }
#pragma GCC unroll 8
  for (int k = 0; k < tile_channels; ++k) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      float* to = y + (k * a.vector_count + v) * lanes;
      if (a.adds) sums[k][v] = _mm512_add_ps(_mm512_loadu_ps(to), sums[k][v]);
      _mm512_storeu_ps(to, sums[k][v]);
    }
  }
}

FALTUNG_BF16_TARGET void channel_sums(const ChannelSums<BFloat16Pair>& a) {
  std::int64_t v = 0;
  for (; v + 3 <= a.vector_count; v += 3) channel_tile<3>(a, v);
  for (; v + 2 <= a.vector_count; v += 2) channel_tile<2>(a, v);
  for (; v < a.vector_count; ++v) channel_tile<1>(a, v);
}

// Masked throughout: in GCC 12 the forms without a mask warn of uninitialised values (bug 105593).
FALTUNG_BF16_TARGET inline __m512i widened(__mmask16 mask, const BFloat16* from) {
  return _mm512_maskz_cvtepu16_epi32(mask, _mm256_maskz_loadu_epi16(mask, from));
}

// The elements of two channels side by side; zeros for the second if it is null.
FALTUNG_BF16_TARGET void pair_up(const BFloat16* first, const BFloat16* second, BFloat16Pair* to,
                                 std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += lanes) {
    const auto left = static_cast<unsigned>(std::min<std::int64_t>(lanes, count - i));
    const auto mask = static_cast<__mmask16>((1u << left) - 1);
    __m512i pairs = widened(mask, first + i);
    if (second != nullptr) {
      pairs = _mm512_or_si512(pairs, _mm512_maskz_slli_epi32(mask, widened(mask, second + i), 16));
    }
    _mm512_mask_storeu_epi32(to + i, mask, pairs);
  }
}

FALTUNG_BF16_TARGET void pack_panels(const PanelRows<BFloat16Pair>& a) {
  BFloat16Pair* row = a.y;
  for (std::int64_t c = 0; c < a.channels; c += 2) {
    const BFloat16* first = a.x + c * a.channel_step;
    const BFloat16* second = c + 1 < a.channels ? first + a.channel_step : nullptr;
    const PanelPiece* piece = a.pieces;
    for (std::int64_t t = 0; t < a.tap_count; ++t, row += a.row_step) {
      for (const PanelPiece* end = a.pieces + a.ends[t]; piece != end; ++piece) {
        if (piece->from == PanelPiece::zeros) {
          std::fill_n(row + piece->to, piece->count, BFloat16Pair{});
        } else {
          pair_up(first + piece->from, second == nullptr ? nullptr : second + piece->from,
                  row + piece->to, piece->count);
        }
      }
    }
  }
}

}  // namespace

bool has_bfloat16_kernel() {
  const CpuMachine* elsewhere = cpu_machine_elsewhere();  // the shipped one has it
  if (elsewhere != nullptr) return elsewhere->instruction_set == "avx512";
  return cpu_target() == "avx512" && __builtin_cpu_supports("avx512bf16") != 0;
}

template <>
ChannelShape<BFloat16Pair> channel_kernel<BFloat16Pair>() {
  return {tile_channels, tile_vectors, lanes,
          channel_sums,  pack_panels,  channel_kernel<float>().stream};
}

#else

bool has_bfloat16_kernel() { return false; }

template <>
ChannelShape<BFloat16Pair> channel_kernel<BFloat16Pair>() {
  return {};
}

#endif

}  // namespace faltung
