#pragma once

#include "cuda/fft/load_kernel.cuh"
#include "cuda/primitives/epilogue.cuh"

namespace faltung::cuda::fft {

/// A sum as the accumulator has it; integer sums differ by less than 1/2 from what they are.
template <typename Acc, typename T>
__device__ __forceinline__ Acc finished_sum(T value) {
  if constexpr (std::is_integral_v<Acc>) {
    return static_cast<Acc>(static_cast<std::int64_t>(rint(value)));
  } else {
    return value;
  }
}

template <typename T>
__device__ __forceinline__ T block_value(const MoveArguments& a, std::int64_t array,
                                         const std::int64_t (&at)[max_rank]) {
  const Geometry& g = a.geometry;
  const std::int64_t point = (at[0] * g.block[1].length + at[1]) * g.block[2].length + at[2];
  return a.from.template as<const T>()[array * g.points + point];
}

template <typename T>
__device__ __forceinline__ T add(T a, T b) {
  if constexpr (is_complex_value<T>) {
    return {a.real + b.real, a.imag + b.imag};
  } else {
    return a + b;
  }
}

/// Calls f(tile, point) for the tiles of an axis, and their points, that hold element `i` of x.
template <typename F>
__device__ __forceinline__ void for_each_point(const AxisGeometry& axis, const BlockAxis& block,
                                               std::int64_t i, const F& f) {
  const std::int64_t extent = (axis.output - 1) * axis.stride + reach(axis);
  const std::int64_t step = block.tile * axis.stride;
#pragma unroll 1
  for (int family = 0; family < families; ++family) {
    const Progression p = positions(axis, i, family, -axis.pad_lo, extent - 1 - axis.pad_lo);
#pragma unroll 1
    for (std::int64_t k = 0; k < p.count; ++k) {
      const std::int64_t from = p.first + k * p.step + axis.pad_lo - block.origin;
      if (from < 0) continue;
      std::int64_t tile = from < block.length ? 0 : (from - block.length) / step + 1;
#pragma unroll 1
      for (; tile < block.tiles && tile * step <= from; ++tile) {
        const std::int64_t at = from - tile * step;
        if (at < window(axis, block, tile)) f(tile, at);
      }
    }
  }
}

/// One element of dx: what all positions of the extended input that show it have collected, in all
/// blocks that hold them. Not inlined, so that its loops and the epilogue share registers.
///
/// @param first  of the blocks of the image and channel, in arrays
template <typename T>
__device__ __noinline__ T folded(const MoveArguments& a, std::int64_t first, std::int64_t i0,
                                 std::int64_t i1, std::int64_t i2) {
  const Geometry& g = a.geometry;
  T sum{};
  for_each_point(g.axis[0], g.block[0], i0, [&](std::int64_t tile0, std::int64_t at0) {
    for_each_point(g.axis[1], g.block[1], i1, [&](std::int64_t tile1, std::int64_t at1) {
      for_each_point(g.axis[2], g.block[2], i2, [&](std::int64_t tile2, std::int64_t at2) {
        const std::int64_t block = (tile0 * g.block[1].tiles + tile1) * g.block[2].tiles + tile2;
        const std::int64_t array = first + block * g.inputs();
        sum = add(sum, block_value<T>(a, array, {at0, at1, at2}));
      });
    });
  });
  return sum;
}

/// Takes the elements of a result out of blocks, finishes and stores them. Units past the last one
/// are passed over. Of x whole images are stored.
///
///   grid    x: chunks of the elements of one channel of a tile, of x of an image, as often as
///   needed block   threads
template <typename T, typename Acc, Operand operand>
__global__ void __launch_bounds__(threads, 1)
    store_kernel(const __grid_constant__ MoveArguments a) {
  const Geometry& g = a.geometry;
  std::int64_t extent[max_rank];
#pragma unroll
  for (int i = 0; i < max_rank; ++i) {
    extent[i] = operand == Operand::x   ? g.axis[i].input
                : operand == Operand::y ? g.block[i].tile
                                        : g.axis[i].filter;
  }
  const std::int64_t elements = extent[0] * extent[1] * extent[2];
  const std::int64_t channels = operand == Operand::x   ? g.inputs()
                                : operand == Operand::y ? g.outputs()
                                                        : 1;
  const std::int64_t step = operand == Operand::x ? g.blocks : 1;  // units of an item
  const std::int64_t last = operand == Operand::w ? g.pairs() : g.units();
  const std::int64_t chunks = (elements + chunk - 1) / chunk;
  for (std::int64_t number = blockIdx.x; number < a.count / step * channels * chunks;
       number += gridDim.x) {
    const std::int64_t array = number / chunks, channel = array % channels;
    const std::int64_t index = a.first + array / channels * step;
    if (index >= last) continue;
    const Unit unit = operand == Operand::w ? Unit{} : unit_at(g, index);
    const std::int64_t begin = number % chunks * chunk;
    for (std::int64_t i = begin + threadIdx.x; i < begin + chunk && i < elements; i += threads) {
      const std::int64_t at[max_rank] = {i / extent[2] / extent[1], i / extent[2] % extent[1],
                                         i % extent[2]};
      T value{};
      std::int64_t offset = 0, result_channel = channel;
      if constexpr (operand == Operand::x) {
        value = folded<T>(a, (index - a.first) * g.inputs() + channel, at[0], at[1], at[2]);
        offset = unit.x + channel * g.x_channel;
        for (int d = 0; d < max_rank; ++d) offset += at[d] * g.axis[d].x_stride;
      } else if constexpr (operand == Operand::y) {
        std::int64_t place[max_rank];
        bool there = true;
        offset = unit.y + channel * g.y_channel;
        for (int d = 0; d < max_rank; ++d) {
          there = there && at[d] < outputs_of(g.axis[d], g.block[d], unit.tile[d]);
          place[d] = output_place(g.axis[d], g.block[d], at[d]);
          offset += (unit.tile[d] * g.block[d].tile + at[d]) * g.axis[d].y_stride;
        }
        if (!there) continue;
        value = block_value<T>(a, array, place);
      } else {
        std::int64_t place[max_rank];
        offset = filter_offset(g, index);
        for (int d = 0; d < max_rank; ++d) {
          place[d] = reach(g.axis[d]) - 1 - at[d] * g.axis[d].dilation;
          offset += at[d] * g.axis[d].w_stride;
        }
        value = conjugate_if(block_value<T>(a, array, place), g.conjugate);
        result_channel = index / g.group_inputs;
      }
      finish_element(a.epilogue, finished_sum<Acc>(value), result_channel, a.to, a.type, offset);
    }
  }
}

}  // namespace faltung::cuda::fft
