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

/// The elements of one channel of a result, row by row: what does not change along a row is found
/// once for it.
template <typename T, Operand operand>
class RowsOfResult {
 public:
  __device__ __forceinline__ RowsOfResult(const MoveArguments& a, const Unit& unit,
                                          std::int64_t array, std::int64_t begin)
      : a_(a), unit_(unit), array_(array), begin_(begin) {}
  __device__ __forceinline__ void enter(std::uint32_t row) {
    const Geometry& g = a_.geometry;
    const auto rows = static_cast<std::uint32_t>(extent(g, 1));
    at_[0] = row / rows;
    at_[1] = row % rows;
    offset_ = begin_;
    there_ = true;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      offset_ += index(i, at_[i]) * stride(i);
      there_ = there_ && has(i, at_[i]);
      at_[i] = place(i, at_[i]);
    }
  }
  /// Whether there is such an element; its place in the tensor and its value then.
  __device__ __forceinline__ bool take(std::uint32_t column, std::int64_t& offset, T& value) const {
    if (!there_ || !has(2, column)) return false;
    offset = offset_ + index(2, column) * stride(2);
    if constexpr (operand == Operand::x) {
      value = folded<T>(a_, array_, at_[0], at_[1], column);
    } else {
      value = block_value<T>(a_, array_, {at_[0], at_[1], place(2, column)});
    }
    return true;
  }
  static __device__ __forceinline__ std::int64_t extent(const Geometry& g, int i) {
    return operand == Operand::x   ? g.axis[i].input
           : operand == Operand::y ? g.block[i].tile
                                   : g.axis[i].filter;
  }

 private:
  __device__ __forceinline__ std::int64_t index(int i, std::int64_t at) const {
    return operand == Operand::y ? unit_.tile[i] * a_.geometry.block[i].tile + at : at;
  }
  __device__ __forceinline__ std::int64_t stride(int i) const {
    const AxisGeometry& axis = a_.geometry.axis[i];
    return operand == Operand::x   ? axis.x_stride
           : operand == Operand::y ? axis.y_stride
                                   : axis.w_stride;
  }
  __device__ __forceinline__ bool has(int i, std::int64_t at) const {
    const Geometry& g = a_.geometry;
    return operand != Operand::y || at < outputs_of(g.axis[i], g.block[i], unit_.tile[i]);
  }
  // In the block; of x it is found by `folded`.
  __device__ __forceinline__ std::int64_t place(int i, std::int64_t at) const {
    const AxisGeometry& axis = a_.geometry.axis[i];
    return operand == Operand::x   ? at
           : operand == Operand::y ? output_place(axis, a_.geometry.block[i], at)
                                   : reach(axis) - 1 - at * axis.dilation;
  }

  const MoveArguments& a_;
  const Unit& unit_;
  std::int64_t array_, begin_, offset_ = 0;
  std::int64_t at_[2] = {};
  bool there_ = false;
};

/// Takes the elements of a result out of blocks, finishes and stores them. Units past the last one
/// are passed over. Of x whole images are stored.
///
///   grid    x: chunks of the elements of one channel of a tile, of x of an image, as often as
///   needed block   threads
template <typename T, typename Acc, Operand operand>
__global__ void __launch_bounds__(threads, 1)
    store_kernel(const __grid_constant__ MoveArguments a) {
  using Rows = RowsOfResult<T, operand>;
  const Geometry& g = a.geometry;
  const std::int64_t columns = Rows::extent(g, 2);
  const std::int64_t elements = Rows::extent(g, 0) * Rows::extent(g, 1) * columns;
  const std::int64_t channels = operand == Operand::x   ? g.inputs()
                                : operand == Operand::y ? g.outputs()
                                                        : 1;
  const std::int64_t step = operand == Operand::x ? g.blocks : 1;  // units of an item
  const std::int64_t last = operand == Operand::w ? g.pairs() : g.units();
  const std::int64_t chunks = (elements + chunk - 1) / chunk;
  for (std::int64_t number = blockIdx.x; number < a.count / step * channels * chunks;
       number += gridDim.x) {
    const std::int64_t item = number / chunks, channel = item % channels;
    const std::int64_t index = a.first + item / channels * step;
    if (index >= last) continue;
    Unit unit;
    std::int64_t array = item, begin = 0, result_channel = channel;
    if constexpr (operand == Operand::w) {
      begin = filter_offset(g, index);
      result_channel = index / g.group_inputs;
    } else {
      unit = unit_at(g, index);
      begin =
          operand == Operand::x ? unit.x + channel * g.x_channel : unit.y + channel * g.y_channel;
    }
    if constexpr (operand == Operand::x) array = (index - a.first) * channels + channel;
    Rows rows(a, unit, array, begin);
    const auto from = static_cast<std::uint32_t>(number % chunks) * chunk;
    const auto to = static_cast<std::uint32_t>(min(std::int64_t{from} + chunk, elements));
    std::uint32_t entered = ~0u;
    walk_chunk(from, to, static_cast<std::uint32_t>(columns),
               [&](std::uint32_t, std::uint32_t row, std::uint32_t column) {
                 if (row != entered) rows.enter(row);
                 entered = row;
                 std::int64_t offset = 0;
                 T value{};
                 if (!rows.take(column, offset, value)) return;
                 if constexpr (operand == Operand::w) value = conjugate_if(value, g.conjugate);
                 finish_element(a.epilogue, finished_sum<Acc>(value), result_channel, a.to, a.type,
                                offset);
               });
  }
}

}  // namespace faltung::cuda::fft
