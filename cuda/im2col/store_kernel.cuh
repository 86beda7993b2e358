#pragma once

#include "cuda/im2col/im2col_arguments.cuh"

namespace faltung::cuda::im2col {

/// Sums [group][k][m] or [group][m][k] of a chunk become elements of y, with the epilogue.
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
    const Acc sum =
        sums[outer.whole * a.matrices.group + outer.rest * a.matrices.leading + inner.rest];
    finish_element(a.epilogue, sum, channel, a.result, a.type,
                   y_offset(g, column_at(g, a.chunk, m)) + channel * g.y_channel);
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
    const Acc sum =
        sums[group.whole * a.matrices.group + group.rest * a.matrices.leading + row.rest];
    finish_element(a.epilogue, sum, row.whole, a.result, a.type,
                   w_offset(g, group.whole, group.rest, channel, tap));
  }
}

}  // namespace faltung::cuda::im2col
