#pragma once

#include "cuda/im2col/im2col_arguments.cuh"

namespace faltung::cuda::im2col {

/// What a sum lacks because something was taken from each of its factors. `x_sum` and `other_sum`
/// are those of the factors themselves, read only where they are needed.
template <typename Acc, typename X, typename Other>
__device__ __forceinline__ Acc restored(const StoreArguments& a, Acc sum, X&& x_sum,
                                        Other&& other_sum) {
  if constexpr (std::is_same_v<Acc, std::uint32_t>) {
    if (a.x_shift != 0) sum += a.x_shift * other_sum();
    if (a.other_shift != 0) sum += a.other_shift * x_sum();
    sum += a.shifts;
  }
  return sum;
}

/// Sums [group][k][m] or [group][m][k] of a chunk become elements of y, with the epilogue. Of i8
/// they lie as the latter, those of one factor in a column of X's ones and in a row of w's.
///
///   grid    elements / threads, walks on    block   threads
template <typename Acc>
__global__ void __launch_bounds__(threads) store_kernel(const __grid_constant__ StoreArguments a) {
  const Geometry& g = a.geometry;
  const std::int64_t columns = a.chunk.positions();
  const std::int64_t fast = g.rows_fastest ? g.group_outputs : columns;
  const std::int64_t slow = g.rows_fastest ? columns : g.group_outputs;
  const std::int64_t work = g.groups * columns * g.group_outputs;
  const Global<const Acc> sums = a.sums.as<const Acc>();
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < work;
       i += std::int64_t{gridDim.x} * threads) {
    const Quotient inner = divide(i, fast);
    const Quotient outer = divide(inner.whole, slow);
    const std::int64_t m = g.rows_fastest ? outer.rest : inner.rest;
    const std::int64_t k = g.rows_fastest ? inner.rest : outer.rest;
    const std::int64_t channel = outer.whole * g.group_outputs + k;
    const std::int64_t begin = outer.whole * a.matrices.group, leading = a.matrices.leading;
    const Acc product = sums[begin + outer.rest * leading + inner.rest];
    const Acc sum = restored<Acc>(
        a, product, [&]() -> Acc { return sums[begin + m * leading + g.group_outputs]; },
        [&]() -> Acc { return sums[begin + columns * leading + k]; });
    finish_element(a.epilogue, sum, channel, a.result, a.type,
                   y_offset(g, column_at(g, a.chunk, m)) + channel * g.y_channel);
  }
}

FALTUNG_HOST_DEVICE constexpr std::int64_t inputs_of(const Geometry& g) {
  return g.axis[0].input * g.axis[1].input * g.axis[2].input;
}

/// The output whose tap r meets element i along an axis, or -1.
FALTUNG_HOST_DEVICE constexpr std::int64_t output_that_meets(const AxisGeometry& axis,
                                                             std::int64_t i, std::int64_t r) {
  const std::int64_t at = i * axis.input_dilation + axis.pad_lo - r * axis.dilation;
  if (at < 0) return -1;
  const Quotient q = divide(at, axis.stride);
  return q.rest == 0 && q.whole < axis.output ? q.whole : -1;
}

/// Elements of dx, each the sum of the products z that meet in it, tap after tap, with the
/// epilogue. z lies as [group][d][m] or [group][m][d].
///
///   grid    elements of the chunk's images / threads, walks on    block   threads
template <typename Acc>
__global__ void __launch_bounds__(threads) gather_kernel(const __grid_constant__ StoreArguments a) {
  const Geometry& g = a.geometry;
  const std::int64_t channels = g.groups * g.group_inputs, inputs = inputs_of(g);
  const std::int64_t work = a.chunk.images * channels * inputs;
  const std::int64_t d_step = g.rows_fastest ? 1 : a.matrices.leading;
  const std::int64_t m_step = g.rows_fastest ? a.matrices.leading : 1;
  const Global<const Acc> z = a.sums.as<const Acc>();
  for (std::int64_t n = std::int64_t{blockIdx.x} * threads + threadIdx.x; n < work;
       n += std::int64_t{gridDim.x} * threads) {
    const Quotient inner = divide(n, g.channel_fastest ? channels : inputs);
    const Quotient outer = divide(inner.whole, g.channel_fastest ? inputs : channels);
    const std::int64_t channel = g.channel_fastest ? inner.rest : outer.rest;
    const Index i =
        unravel(g.channel_fastest ? outer.rest : inner.rest, g.axis[1].input, g.axis[2].input);
    const Quotient group = divide(channel, g.group_inputs);
    const std::int64_t begin =
        group.whole * a.matrices.group + outer.whole * a.chunk.outputs * m_step;
    Acc sum{};
    std::int64_t tap = 0;
#pragma unroll 1
    for (std::int64_t q = 0; q < g.axis[0].filter; ++q) {
      const std::int64_t slice = output_that_meets(g.axis[0], i.at[0], q);
#pragma unroll 1
      for (std::int64_t r = 0; r < g.axis[1].filter; ++r) {
        const std::int64_t row = output_that_meets(g.axis[1], i.at[1], r);
#pragma unroll 1
        for (std::int64_t s = 0; s < g.axis[2].filter; ++s, ++tap) {
          const std::int64_t column = output_that_meets(g.axis[2], i.at[2], s);
          if (slice < 0 || row < 0 || column < 0) continue;
          const std::int64_t o = (slice * g.axis[1].output + row) * g.axis[2].output + column;
          const Acc value = z[begin + g.row(group.rest, tap) * d_step + o * m_step];
          sum += value;
        }
      }
    }
    std::int64_t at = image_at(g, a.chunk.image + outer.whole).x + channel * g.x_channel;
    for (int axis = 0; axis < max_rank; ++axis) at += i.at[axis] * g.axis[axis].x_stride;
    finish_element(a.epilogue, sum, channel, a.result, a.type, at);
  }
}

/// Element d of row k of dw. Of complex numbers there are two rows for each k, the products of X
/// with each part of dy.
template <typename Acc>
__device__ __forceinline__ Acc filter_sum(const Geometry& g, Global<const Acc> row,
                                          std::int64_t leading, std::int64_t d) {
  if constexpr (is_complex_value<Acc>) {
    const Acc real = row[d], imag = row[leading + d];
    const auto turned = imag.real - real.imag;
    return {real.real + imag.imag, g.conjugates_x ? turned : -turned};
  } else {
    return row[d];
  }
}

/// Sums [group][k][d] become elements of dw, with the epilogue.
///
///   grid    elements / threads, walks on    block   threads
template <typename Acc>
__global__ void __launch_bounds__(threads)
    store_filter_kernel(const __grid_constant__ StoreArguments a) {
  const Geometry& g = a.geometry;
  const std::int64_t depth = g.depth();
  const std::int64_t work = g.groups * g.group_outputs * depth;
  const Global<const Acc> sums = a.sums.as<const Acc>();
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < work;
       i += std::int64_t{gridDim.x} * threads) {
    const Quotient row = divide(i, depth);
    const Quotient group = divide(row.whole, g.group_outputs);
    const Quotient d = divide(row.rest, g.channel_fastest ? g.group_inputs : g.taps());
    const std::int64_t channel = g.channel_fastest ? d.rest : d.whole;
    const std::int64_t tap = g.channel_fastest ? d.whole : d.rest;
    constexpr int rows = is_complex_value<Acc> ? 2 : 1;
    const std::int64_t begin =
        group.whole * a.matrices.group + rows * group.rest * a.matrices.leading;
    const Acc product = filter_sum<Acc>(g, sums + begin, a.matrices.leading, row.rest);
    const Acc sum = restored<Acc>(
        a, product,
        [&]() -> Acc {
          return sums[group.whole * a.matrices.group + g.group_outputs * a.matrices.leading +
                      row.rest];
        },
        [&]() -> Acc { return sums[begin + depth]; });
    finish_element(a.epilogue, sum, row.whole, a.result, a.type,
                   w_offset(g, group.whole, group.rest, channel, tap));
  }
}

}  // namespace faltung::cuda::im2col
