#pragma once

#include <cstring>

#include "cuda/im2col/im2col_arguments.cuh"
#include "cuda/primitives/definition.cuh"

namespace faltung::cuda::im2col {

/// A factor of which 128 is taken, or 0: of bytes alone.
template <typename T>
__device__ __forceinline__ T shifted(T value, std::int32_t shift) {
  if constexpr (std::is_same_v<T, std::int8_t>) {
    return static_cast<std::int8_t>(value ^ shift);  // of eight bits the same as the difference
  } else {
    return value;
  }
}

/// Of 16 bytes, word by word.
template <typename T, int count>
__device__ __forceinline__ void shift_all(Vec<T, count>& values, std::int32_t shift) {
  if constexpr (std::is_same_v<T, std::int8_t>) {
    std::uint32_t words[count / 4];
    memcpy(words, &values, sizeof words);
    for (std::uint32_t& word : words) word ^= static_cast<std::uint32_t>(shift) * 0x01010101u;
    memcpy(&values, words, sizeof words);
  }
}

/// An element as a factor. f16 and bf16 are only ever what they are already, bytes i8 or u8.
template <typename T>
__device__ __forceinline__ T load_factor(Global<const unsigned char> data, DType type,
                                         std::int64_t index, std::int32_t shift) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> || is_complex_value<T>) {
    if (type != native_type<T>) return load_element<T>(data, type, index);
  }
  return shifted(detail::read_at<T>(data, index), shift);
}

template <typename T>
__device__ __forceinline__ T constant_factor(const Side& side) {
  if constexpr (std::is_same_v<T, std::int8_t>) {
    return static_cast<T>(side.integer);
  } else if constexpr (is_complex_value<T>) {
    return {static_cast<typename T::Part>(side.real), static_cast<typename T::Part>(side.imag)};
  } else if constexpr (std::is_same_v<T, double>) {
    return side.real;
  } else {
    return from_float<T>(static_cast<float>(side.real));
  }
}

/// What stands at a place that is no element. A rule is loaded wherever it is, since one that is
/// only sometimes there costs a copy of zero in local memory.
template <typename T>
__device__ __forceinline__ T other_factor(const Geometry& g, const Place& place,
                                          std::int32_t shift) {
  const bool constant = place.what == Stands::constant;
  const T value = constant_factor<T>(constant ? *place.side : g.axis[0].below);
  return shifted(constant ? value : T{}, shift);
}

/// 1 or 0: only of bytes are there any ones.
template <typename T>
__device__ __forceinline__ T filling(bool one) {
  if constexpr (std::is_same_v<T, std::int8_t>) {
    return one ? T{1} : T{};
  } else {
    return T{};
  }
}

/// Columns of a chunk as [group][d][m]: neighbouring threads make neighbouring outputs. A thread
/// finds the place of one tap of one output and copies it for many channels. Only those of i8 have
/// zeros behind them, and perhaps a row of ones.
///
///   grid    x: columns / threads    y: taps    z: groups; all walk on
///   block   threads
template <typename T>
__global__ void __launch_bounds__(threads)
    columns_kernel(const __grid_constant__ ColumnsArguments a) {
  const Geometry& g = a.geometry;
  const std::int64_t columns = a.chunk.positions(), taps = g.taps(), depth = g.depth();
  const Global<T> to = a.columns.as<T>();
  for (std::int64_t m = std::int64_t{blockIdx.x} * threads + threadIdx.x; m < a.positions;
       m += std::int64_t{gridDim.x} * threads) {
    const bool inside = !std::is_same_v<T, std::int8_t> || m < columns;
    const Column column = column_at(g, a.chunk, inside ? m : 0);
    for (std::int64_t r = blockIdx.y; r < taps; r += gridDim.y) {
      const Place place = place_at(g, column.output, tap_at(g, r));
      const bool element = inside && place.what == Stands::element;
      const T other = inside ? other_factor<T>(g, place, a.shift) : T{};
      for (std::int64_t group = blockIdx.z; group < g.groups; group += gridDim.z) {
        std::int64_t from = column.image.x + place.offset + group * g.group_inputs * g.x_channel;
        std::int64_t at = group * a.matrices.group + g.row(0, r) * a.matrices.leading + m;
        const std::int64_t step = g.row(1, 0) * a.matrices.leading;
        for (std::int64_t c = 0; c < g.group_inputs; ++c) {
          to[at] = element ? load_factor<T>(a.x, a.x_type, from, a.shift) : other;
          from += g.x_channel;
          at += step;
        }
        if (r != 0) continue;
        for (std::int64_t d = depth; d < a.depth; ++d) {
          to[group * a.matrices.group + d * a.matrices.leading + m] =
              filling<T>(a.ones && inside && d == depth);
        }
      }
    }
  }
}

/// The same as [group][m][d]: some neighbouring threads share a tap of an output, and each copies
/// `count` channels, then as many further on. Behind those of i8 there may be a column of ones.
///
///   grid    x: columns, taps and lanes / threads    y: groups; both walk on
///   block   threads
template <typename T, int count>
__global__ void __launch_bounds__(threads)
    rows_kernel(const __grid_constant__ ColumnsArguments a, int lanes) {
  const Geometry& g = a.geometry;
  const std::int64_t taps = g.taps(), depth = g.depth(), step = g.row(1, 0);
  const std::int64_t work = a.positions * taps * lanes;
  const Global<T> to = a.columns.as<T>();
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < work;
       i += std::int64_t{gridDim.x} * threads) {
    const Quotient share = divide(i, lanes);
    const Quotient pair = divide(share.whole, taps);
    const std::int64_t m = pair.whole, r = pair.rest;
    const bool inside = !std::is_same_v<T, std::int8_t> || m < a.chunk.positions();
    const Column column = column_at(g, a.chunk, inside ? m : 0);
    const Place place = place_at(g, column.output, tap_at(g, r));
    const bool element = inside && place.what == Stands::element;
    const T other = inside ? other_factor<T>(g, place, a.shift) : filling<T>(true);
    for (std::int64_t group = blockIdx.y; group < g.groups; group += gridDim.y) {
      const std::int64_t from =
          column.image.x + place.offset + group * g.group_inputs * g.x_channel;
      const std::int64_t row = group * a.matrices.group + m * a.matrices.leading;
      for (std::int64_t c = share.rest * count; c < g.group_inputs; c += lanes * count) {
        if constexpr (count == 1) {
          to[row + g.row(0, r) + c * step] =
              element ? load_factor<T>(a.x, a.x_type, from + c * g.x_channel, a.shift) : other;
        } else {
          Vec<T, count> values;
          if (element) {
            values = a.x.as<const T>().template load<count>(from + c);
            shift_all(values, a.shift);
          } else {
            for (int j = 0; j < count; ++j) values[j] = other;
          }
          to.template store<count>(row + g.row(0, r) + c, values);
        }
      }
      if (r != 0) continue;
      for (std::int64_t d = depth + share.rest; d < a.depth; d += lanes) to[row + d] = T{};
    }
  }
}

/// w as [group][k][d], zeros around it where there are more of either, after a row of ones where
/// 128 is taken from its elements. Of complex numbers there are two rows for each k, whose products
/// with the parts of X are those of the sum.
///
///   grid    elements / threads, walks on    block   threads
template <typename T>
__global__ void __launch_bounds__(threads)
    filter_kernel(const __grid_constant__ FilterArguments a) {
  const Geometry& g = a.geometry;
  const std::int64_t work = g.groups * a.outputs * a.depth;
  const Global<T> to = a.packed.as<T>();
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < work;
       i += std::int64_t{gridDim.x} * threads) {
    const Quotient row = divide(i, a.depth);
    const Quotient group = divide(row.whole, a.outputs);
    constexpr int rows = is_complex_value<T> ? 2 : 1;
    const std::int64_t k = group.rest / rows;
    if (k >= g.group_outputs || row.rest >= g.depth()) {
      to[i] = filling<T>(a.shift != 0 && k == g.group_outputs && row.rest < g.depth());
      continue;
    }
    const Quotient d = divide(row.rest, g.channel_fastest ? g.group_inputs : g.taps());
    const std::int64_t channel = g.channel_fastest ? d.rest : d.whole;
    const std::int64_t tap = g.channel_fastest ? d.whole : d.rest;
    T value = load_factor<T>(a.w, a.w_type, w_offset(g, group.whole, k, channel, tap), a.shift);
    if constexpr (is_complex_value<T>) {
      if (g.conjugates) value.imag = -value.imag;
      value = group.rest % rows == 0 ? T{value.real, -value.imag} : T{value.imag, value.real};
    }
    to[i] = value;
  }
}

}  // namespace faltung::cuda::im2col
