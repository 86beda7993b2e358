#pragma once

#include "cuda/fft/load_kernel.cuh"
#include "cuda/primitives/epilogue.cuh"

namespace faltung::cuda::fft {

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

/// A sum as the accumulator has it. Those of integers differ by less than 1/2 from what they are,
/// on each diagonal.
///
/// @param value  (array) -> T, what blocks hold of it
template <typename Acc, typename F>
__device__ __forceinline__ Acc sum_of(const MoveArguments& a, std::int64_t array, const F& value) {
  if constexpr (std::is_integral_v<Acc>) {
    std::uint64_t sum = 0;
    for (int d = 0; d < a.diagonals; ++d) {
      const double nearest = rint(value(array + d * a.arrays));
      sum += static_cast<std::uint64_t>(static_cast<std::int64_t>(nearest)) << (d * a.bits);
    }
    return static_cast<Acc>(sum);
  } else {
    return value(array);
  }
}

/// Elements of a result that are stored together from a block, or at most so many.
FALTUNG_HOST_DEVICE constexpr std::int64_t stored_extent(Operand operand, const Geometry& g,
                                                         int axis) {
  return operand == Operand::x   ? g.block[axis].elements
         : operand == Operand::y ? g.block[axis].tile
                                 : g.axis[axis].filter;
}

/// Blocks of one channel that are stored together: of x, where it folds, all of an image.
FALTUNG_HOST_DEVICE constexpr std::int64_t blocks_of_item(Operand operand, const Geometry& g) {
  return operand == Operand::x && g.folds ? g.blocks : 1;
}

/// Calls f(tile, point) for all positions of an axis that show element `i` of x.
template <typename F>
__device__ __forceinline__ void for_each_point(const AxisGeometry& axis, const BlockAxis& block,
                                               std::int64_t i, const F& f) {
  const std::int64_t low = block.origin - axis.pad_lo, high = block.end - 1 - axis.pad_lo;
#pragma unroll 1
  for (int family = 0; family < families; ++family) {
    const Progression p = positions(axis, i, family, low, high);
#pragma unroll 1
    for (std::int64_t k = 0; k < p.count; ++k) {
      const Quotient at = divide(p.first + k * p.step - low, block.step);
      if (at.rest < block.length) f(at.whole, at.rest);
    }
  }
}

/// One element of dx where it folds: what all positions of the extended input that show it have
/// collected. Not inlined, so that its loops and the epilogue share registers.
///
/// @param array    of the first block of the image and channel
/// @param arrays   from one block to the next
template <typename T>
__device__ __noinline__ T folded(const MoveArguments& a, std::int64_t array, std::int64_t i0,
                                 std::int64_t i1, std::int64_t i2) {
  const Geometry& g = a.geometry;
  const std::int64_t arrays = channels_of(Operand::x, a.section);
  T sum{};
  for_each_point(g.axis[0], g.block[0], i0, [&](std::int64_t tile0, std::int64_t at0) {
    for_each_point(g.axis[1], g.block[1], i1, [&](std::int64_t tile1, std::int64_t at1) {
      for_each_point(g.axis[2], g.block[2], i2, [&](std::int64_t tile2, std::int64_t at2) {
        const std::int64_t block = (tile0 * g.block[1].tiles + tile1) * g.block[2].tiles + tile2;
        sum = add(sum, block_value<T>(a, array + block * arrays, {at0, at1, at2}));
      });
    });
  });
  return sum;
}

/// Elements of a result along an axis that are stored from a block: `count` from `first` on, of
/// which number n stands at place + n step, if that is within [0, room).
struct StoredLine {
  std::int64_t first, count, place, step, room;
};

template <Operand operand>
__device__ __forceinline__ StoredLine stored_line(const Geometry& g, const Unit& unit, int i) {
  const AxisGeometry& axis = g.axis[i];
  const BlockAxis& block = g.block[i];
  const std::int64_t tile = unit.tile[i];
  if constexpr (operand == Operand::w) {
    return {0, axis.filter, reach(axis) - 1, -axis.dilation, block.length};
  } else if constexpr (operand == Operand::y) {
    const BlockOutputs outputs = outputs_of(axis, block, tile);
    return {outputs.first, outputs.count, outputs.place, axis.stride, block.length};
  } else {
    if (g.folds) return {0, axis.input, 0, 1, axis.input};
    const std::int64_t first = first_element(axis, block, tile), begin = begin_of(block, tile);
    return {first, first_element(axis, block, tile + 1) - first,
            first * axis.input_dilation + axis.pad_lo - begin, axis.input_dilation,
            min(min(block.length, block.step), block.end - begin)};
  }
}

/// The elements of one channel of a result, row by row: what does not change along a row is found
/// once for it.
template <typename T, typename Acc, Operand operand>
class RowsOfResult {
 public:
  /// @param array  of the block, or of the first of an image that folds
  /// @param begin  of the channel, in the tensor
  __device__ __forceinline__ RowsOfResult(const MoveArguments& a, const Unit& unit,
                                          std::int64_t array, std::int64_t begin)
      : a_(a),
        unit_(unit),
        array_(array),
        begin_(begin),
        line_(stored_line<operand>(a.geometry, unit, 2)) {}
  __device__ __forceinline__ void enter(std::uint32_t row) {
    const Geometry& g = a_.geometry;
    const auto rows = static_cast<std::uint32_t>(stored_extent(operand, g, 1));
    const std::int64_t at[2] = {row / rows, row % rows};
    offset_ = begin_;
    there_ = stands_ = true;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const StoredLine line = stored_line<operand>(g, unit_, i);
      offset_ += (line.first + at[i]) * stride(i);
      there_ = there_ && at[i] < line.count;
      at_[i] = line.place + at[i] * line.step;
      stands_ = stands_ && stands(at_[i], line);
    }
  }
  /// Whether there is such an element; its place in the tensor and its value then.
  __device__ __forceinline__ bool take(std::uint32_t column, std::int64_t& offset,
                                       Acc& value) const {
    if (!there_ || column >= line_.count) return false;
    offset = offset_ + (line_.first + column) * stride(2);
    const std::int64_t at = line_.place + column * line_.step;
    if constexpr (operand == Operand::x) {
      if (a_.geometry.folds) {
        value = sum_of<Acc>(a_, array_, [&](std::int64_t array) {
          return folded<T>(a_, array, at_[0], at_[1], at);
        });
        return true;
      }
    }
    value =
        !stands_ || !stands(at, line_) ? Acc{} : sum_of<Acc>(a_, array_, [&](std::int64_t array) {
          return block_value<T>(a_, array, {at_[0], at_[1], at});
        });
    return true;
  }

 private:
  // Outputs and taps always do.
  static __device__ __forceinline__ bool stands(std::int64_t at, const StoredLine& line) {
    return operand != Operand::x || (at >= 0 && at < line.room);
  }
  __device__ __forceinline__ std::int64_t stride(int i) const {
    const AxisGeometry& axis = a_.geometry.axis[i];
    return operand == Operand::x   ? axis.x_stride
           : operand == Operand::y ? axis.y_stride
                                   : axis.w_stride;
  }

  const MoveArguments& a_;
  const Unit& unit_;
  std::int64_t array_, begin_, offset_ = 0;
  StoredLine line_;
  std::int64_t at_[2] = {};  // in the block; elements where x folds
  bool there_ = false, stands_ = false;
};

/// Takes the elements of a result out of blocks, finishes and stores them. Units and channels past
/// the last one are passed over. Of x, where it folds, whole images are stored.
///
///   grid    x: chunks of the elements of one channel of a block, or of an image, as often as
///   needed block   threads
template <typename T, typename Acc, Operand operand>
__global__ void __launch_bounds__(threads, 1)
    store_kernel(const __grid_constant__ MoveArguments a) {
  using Rows = RowsOfResult<T, Acc, operand>;
  const Geometry& g = a.geometry;
  const std::int64_t columns = stored_extent(operand, g, 2);
  const std::int64_t elements =
      stored_extent(operand, g, 0) * stored_extent(operand, g, 1) * columns;
  const std::int64_t channels = channels_of(operand, a.section);
  const std::int64_t blocks = blocks_of_item(operand, g);
  const std::int64_t chunks = (elements + chunk - 1) / chunk;
  for (std::int64_t number = blockIdx.x; number < arrays_of(operand, a) / blocks * chunks;
       number += gridDim.x) {
    const Quotient at = divide(number, chunks);
    const Quotient item = divide(at.whole, channels);
    const std::int64_t array = item.whole * blocks * channels + item.rest;
    const Member member = member_of<operand>(a, array);
    if (!member.there) continue;
    Unit unit;
    std::int64_t begin = 0, channel = member.output;
    if constexpr (operand == Operand::w) {
      begin = filter_offset(g, member);
    } else {
      unit = unit_at(g, member.unit);
      begin = operand == Operand::x ? unit.x + member.input * g.x_channel
                                    : unit.y + member.output * g.y_channel;
      if constexpr (operand == Operand::x) channel = member.input;
    }
    Rows rows(a, unit, array, begin);
    const auto from = static_cast<std::uint32_t>(at.rest) * chunk;
    const auto to = static_cast<std::uint32_t>(min(std::int64_t{from} + chunk, elements));
    std::uint32_t entered = ~0u;
    walk_chunk(from, to, static_cast<std::uint32_t>(columns),
               [&](std::uint32_t, std::uint32_t row, std::uint32_t column) {
                 if (row != entered) rows.enter(row);
                 entered = row;
                 std::int64_t offset = 0;
                 Acc value{};
                 if (!rows.take(column, offset, value)) return;
                 if constexpr (operand == Operand::w) value = conjugate_if(value, g.conjugate);
                 finish_element(a.epilogue, value, channel, a.to, a.type, offset);
               });
  }
}

}  // namespace faltung::cuda::fft
