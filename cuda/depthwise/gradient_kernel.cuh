#pragma once

#include "cuda/depthwise/depthwise_kernel.cuh"
#include "cuda/depthwise/gather_kernel.cuh"

namespace faltung::cuda::depthwise {

/// One block's share: `count` taps from `tap` on, positions [first, last), channels from `channel`.
struct GradientShare {
  std::int64_t tap, first, last, channel, piece;
  int count;
};

FALTUNG_HOST_DEVICE constexpr std::int64_t gradient_shares(const Geometry& g,
                                                           const GradientCut& cut) {
  return (g.taps() + gradient_taps - 1) / gradient_taps * cut.channel_groups * cut.chunks;
}

FALTUNG_HOST_DEVICE constexpr GradientShare gradient_share(const Geometry& g,
                                                           const GradientCut& cut,
                                                           std::int64_t number) {
  GradientShare share{};
  const Quotient piece = divide(number, cut.chunks);
  const Quotient group = divide(piece.whole, cut.channel_groups);
  const std::int64_t positions = g.batch * g.positions();
  share.piece = piece.rest;
  share.channel = group.rest * cut.block_channels;
  share.tap = group.whole * gradient_taps;
  share.first = piece.rest * cut.chunk;
  share.last = share.first + cut.chunk < positions ? share.first + cut.chunk : positions;
  const std::int64_t left = g.taps() - share.tap;
  share.count = left < gradient_taps ? static_cast<int>(left) : gradient_taps;
  return share;
}

/// Filter indices of one tap.
FALTUNG_HOST_DEVICE constexpr void split_tap(const Geometry& g, std::int64_t tap,
                                             std::int64_t (&r)[max_rank]) {
  const Quotient x = divide(tap, g.axis[2].filter);
  const Quotient y = divide(x.whole, g.axis[1].filter);
  r[2] = x.rest;
  r[1] = y.rest;
  r[0] = y.whole;
}

/// Adds dy x for every position of a thread. `dy` and `x` are of its channel.
template <typename T>
__device__ __forceinline__ void add_positions(const Geometry& g, const GradientShare& share,
                                              std::int64_t from, int step, Global<const T> dy,
                                              Global<const T> x, Sum<T> (&sum)[gradient_taps]) {
  std::int64_t offset[gradient_taps] = {};
#pragma unroll
  for (int j = 0; j < gradient_taps; ++j) {
    std::int64_t r[max_rank];
    split_tap(g, share.tap + (j < share.count ? j : 0), r);
    for (int i = 0; i < max_rank; ++i) offset[j] += r[i] * g.axis[i].dilation * g.axis[i].x_stride;
  }
  for (std::int64_t number = from; number < share.last; number += step) {
    const Quotient image = divide(number, g.positions());
    std::int64_t o[max_rank];
    split_position(g, image.rest, o);
    const Window window = window_of(g, o);
    std::int64_t at = image.whole * g.y_batch, base = image.whole * g.x_batch;
    for (int i = 0; i < max_rank; ++i) {
      at += o[i] * g.axis[i].y_stride;
      base += window.first[i] * g.axis[i].x_stride;
    }
    const Sum<T> value = to_sum<T>(dy[at]);
    if (window.interior) {
#pragma unroll
      for (int j = 0; j < gradient_taps; ++j) {
        if (j < share.count) sum[j] = multiply_add(value, to_sum<T>(x[base + offset[j]]), sum[j]);
      }
      continue;
    }
#pragma unroll 1
    for (int j = 0; j < share.count; ++j) {
      std::int64_t r[max_rank];
      split_tap(g, share.tap + j, r);
      Place place;
      for (int i = 0; i < max_rank; ++i) {
        place = place_along(g.axis[i], place, window.first[i] + r[i] * g.axis[i].dilation);
      }
      if (place.what == Stands::nothing || place.what == Stands::between) continue;
      const Sum<T> x_value = value_at<T>(x + image.whole * g.x_batch, place);
#pragma unroll
      for (int k = 0; k < gradient_taps; ++k) {  // a register array takes no run-time index
        if (k == j) sum[k] = multiply_add(value, x_value, sum[k]);
      }
    }
  }
}

/// First half of the filter gradient: dw[k, r] of one piece of the positions of all images.
///
///   per product  one load of x; dy is loaded once for gradient_taps of them
///   grid     x: gradient_shares(), in the order of gradient_share, as often as needed
///   block    32 x gradient_warps: lanes are channels where those are neighbours, else positions
///   shared   gradient_warps x 32 sums, one tap at a time
///   partial  [piece][channel][tap], each written once, by one thread
template <typename T, bool lanes_are_channels>
__global__ void __launch_bounds__(32 * gradient_warps)
    gradient_kernel(const __grid_constant__ Arguments a, const GradientCut cut,
                    Global<Sum<T>> partial) {
  const Geometry& g = a.geometry;
  FALTUNG_SHARED(Sum<T>, stage, gradient_warps * 32);
  const int lane = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const int thread = warp * 32 + lane;
  const std::int64_t shares = gradient_shares(g, cut);
  for (std::int64_t number = blockIdx.x; number < shares; number += gridDim.x) {
    const GradientShare share = gradient_share(g, cut, number);
    const std::int64_t channel = share.channel + (lanes_are_channels ? lane : 0);
    Sum<T> sum[gradient_taps] = {};
    if (channel < g.channels) {
      add_positions<T>(g, share, share.first + (lanes_are_channels ? warp : thread),
                       lanes_are_channels ? gradient_warps : 32 * gradient_warps,
                       a.w.template as<const T>() + channel * g.y_channel,
                       a.x.template as<const T>() + g.first_input(channel) * g.x_channel, sum);
    }
#pragma unroll
    for (int j = 0; j < gradient_taps; ++j) {
      Sum<T> total = sum[j];
      if constexpr (!lanes_are_channels) {
#pragma unroll
        for (int distance = 16; distance > 0; distance /= 2) {
          total += __shfl_xor_sync(0xffffffffu, total, distance);
        }
      }
      stage[thread] = total;
      __syncthreads();
      if (thread < (lanes_are_channels ? 32 : 1) && channel < g.channels && j < share.count) {
        total = Sum<T>{};
        for (int i = 0; i < gradient_warps; ++i) total += stage[i * 32 + thread];
        partial[(share.piece * g.channels + channel) * g.taps() + share.tap + j] = total;
      }
      __syncthreads();
    }
  }
}

/// Stores one element of dw.
template <typename T>
__device__ __forceinline__ void finish_tap(const Arguments& a, Sum<T> sum, std::int64_t number) {
  const Geometry& g = a.geometry;
  const Quotient channel = divide(number, g.taps());
  std::int64_t r[max_rank];
  split_tap(g, channel.rest, r);
  std::int64_t index = g.w_origin + channel.whole * g.w_channel;
  for (int i = 0; i < max_rank; ++i) index += r[i] * g.axis[i].w_stride;
  finish<T>(a, sum, channel.whole, index);
}

/// Pieces that a thread of gradient_sum_kernel waits for at once.
inline constexpr int pieces_ahead = 8;

/// Second half: part p of `parts` adds pieces p, p + parts, ..., in their order, and then the parts
/// are added in theirs, so that the result never depends on timing.
///
///   grid     x: dw elements / (gather_threads / parts), as often as needed
///   block    gather_threads: elements, then parts
///   shared   a sum for each thread
template <typename T>
__global__ void __launch_bounds__(gather_threads)
    gradient_sum_kernel(const __grid_constant__ Arguments a, std::int64_t pieces, int parts,
                        Global<const Sum<T>> partial) {
  FALTUNG_SHARED(Sum<T>, stage, gather_threads);
  const std::int64_t elements = a.geometry.channels * a.geometry.taps();
  const int thread = static_cast<int>(threadIdx.x);
  const int lanes = gather_threads / parts;
  const int lane = thread % lanes, part = thread / lanes;
  const std::int64_t step = std::int64_t{gridDim.x} * lanes;
  for (std::int64_t first = std::int64_t{blockIdx.x} * lanes; first < elements; first += step) {
    const std::int64_t number = first + lane;
    Sum<T> sum{};
    if (number < elements) {
      const Global<const Sum<T>> from = partial + number;
      const std::int64_t apart = parts * elements, end = pieces * elements;
      for (std::int64_t at = part * elements; at < end; at += pieces_ahead * apart) {
        Sum<T> piece[pieces_ahead];
#pragma unroll
        for (int i = 0; i < pieces_ahead; ++i) {  // all on their way before the first is added
          piece[i] = at + i * apart < end ? from[at + i * apart] : Sum<T>{};
        }
#pragma unroll
        for (int i = 0; i < pieces_ahead; ++i) sum += piece[i];
      }
    }
    if (parts > 1) {
      stage[thread] = sum;
      __syncthreads();
      for (int i = 1; part == 0 && i < parts; ++i) sum += stage[i * lanes + lane];
      __syncthreads();  // the next elements overwrite the sums
    }
    if (part == 0 && number < elements) finish_tap<T>(a, sum, number);
  }
}

}  // namespace faltung::cuda::depthwise
