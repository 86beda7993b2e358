#pragma once

#include "cuda/fft/fused_load.hpp"
#include "cuda/fft/load_kernel.cuh"

namespace faltung::cuda::fft {

/// A structure of whole words of 16 bytes, by the read-only path: words of which nothing is used
/// are not read, and those that are stay in registers from one call to the next.
template <typename S>
__device__ __forceinline__ S load_words(Global<const unsigned char> from) {
  static_assert(sizeof(S) % 16 == 0);
  struct Words {
    Vec<unsigned, 4> word[sizeof(S) / 16];
  } words;
#pragma unroll
  for (int i = 0; i < static_cast<int>(sizeof(S) / 16); ++i) {
    words.word[i] = from.as<const unsigned>().template load<4>(4 * i);
  }
  return __builtin_bit_cast(S, words);
}

/// What element_at and loaded ask of a load.
struct FusedSource {
  Global<const unsigned char> from;
  DType type;
  faltung::fft::Digit digit;
};

/// What cuFFT gets for element `offset` of its input: what load_kernel writes there.
///
/// @tparam own   elements are what blocks are made of
/// @tparam rank  1: blocks are single rows
/// @param input  a FusedLoad
template <typename T, typename Source, int rank, bool own>
__device__ __forceinline__ T fused_point(const void* input, unsigned long long offset) {
  const Global<const unsigned char> at(static_cast<const unsigned char*>(input));
  const auto load = load_words<FusedLoad>(at);
  const std::uint32_t array = load.points.quotient(static_cast<std::uint32_t>(offset));
  const std::uint32_t point = static_cast<std::uint32_t>(offset) - array * load.points.by;
  const auto block = load_words<FusedBlock>(at + static_cast<std::ptrdiff_t>(fused_bytes(array)));
  std::uint32_t place[max_rank] = {0, 0, point};
  if constexpr (rank > 1) {
    const std::uint32_t row = load.columns.quotient(point);
    place[2] -= row * load.columns.by;
    place[0] = load.rows.quotient(row);
    place[1] = row - place[0] * load.rows.by;
  }
  std::int64_t element = block.base;
#pragma unroll
  for (int a = max_rank - (rank > 1 ? max_rank : 1); a < max_rank; ++a) {
    const FusedBlock::Line& line = block.line[max_rank - 1 - a];
    const FusedAxis& axis = load.axis[a];
    const auto i = static_cast<std::int32_t>(place[a]);
    if (i < line.low || i >= line.window) return T{};
    const std::int32_t shown = axis.element(line.first + axis.sign * i);
    if (shown < 0) return T{};
    element += static_cast<std::int64_t>(shown) * axis.stride;
  }
  const FusedSource source{Global<const unsigned char>(load.from), load.type, load.digit};
  T value;
  if constexpr (own) {
    value = source.from.as<const T>()[element];
  } else {
    value = element_at<T, Source>(source, element);
  }
  value = conjugate_if(value, load.conjugate);
  if constexpr (!std::is_integral_v<Source>) {
    if (!is_finite(value)) {
      set_marks(Global<unsigned>(load.marks), Global<unsigned>(load.any), load.mark_words, array,
                point / chunk);
      return T{};
    }
  }
  return value;
}

/// A line of points of an array, and of nothing if there are none.
template <Operand operand>
__device__ __forceinline__ FusedBlock::Line fused_line(const Geometry& g, const Unit& unit, int i) {
  const AxisGeometry& axis = g.axis[i];
  const BlockAxis& cut = g.block[i];
  std::int64_t first = 0, low = 0, end = reach(axis);
  if constexpr (operand == Operand::w) {
    first = reach(axis) - 1;
  } else if constexpr (operand == Operand::x) {
    first = begin_of(cut, unit.tile[i]) - axis.pad_lo;
    end = window(axis, cut, unit.tile[i]);
  } else {
    const BlockOutputs outputs = outputs_of(axis, cut, unit.tile[i]);
    first = outputs.first - outputs.place;
    low = min(outputs.place, cut.length);
    end = min(outputs.place + outputs.count, cut.length);
  }
  return {static_cast<std::int32_t>(first), static_cast<std::int32_t>(low),
          static_cast<std::int32_t>(end)};
}

/// The description of one array, whose points load_kernel would write. Axes along which it has a
/// single point are settled here, so that rows can leave them out.
template <Operand operand>
__device__ __forceinline__ FusedBlock fused_block(const MoveArguments& a, const FusedLoad& load,
                                                  std::int64_t array) {
  const Geometry& g = a.geometry;
  const Member member = member_of<operand>(a, array);
  FusedBlock block;
  if (!member.there) return block;  // lines of nothing
  Unit unit;
  if constexpr (operand == Operand::w) {
    block.base = filter_offset(g, member);
  } else {
    unit = unit_at(g, member.unit);
    block.base = operand == Operand::x ? unit.x + member.input * g.x_channel
                                       : unit.y + member.output * g.y_channel;
  }
#pragma unroll
  for (int i = max_rank; i-- > 0;) {
    FusedBlock::Line line = fused_line<operand>(g, unit, i);
    if (i < max_rank - 1 && g.block[i].length == 1) {
      const bool there = line.low <= 0 && line.window > 0;
      const std::int32_t shown = there ? load.axis[i].element(line.first) : -1;
      if (shown < 0) return FusedBlock{};
      block.base += static_cast<std::int64_t>(shown) * load.axis[i].stride;
      line = {0, 0, 1};
    }
    block.line[max_rank - 1 - i] = line;
  }
  return block;
}

/// Writes a FusedLoad and what belongs to it where `a.to` says: in the stream's order, with nothing
/// of the host's, so that it is captured with its values.
///
///   grid    x: arrays   block   threads
template <Operand operand>
__global__ void __launch_bounds__(threads) describe_kernel(const __grid_constant__ MoveArguments a,
                                                           const __grid_constant__ FusedLoad load) {
  const std::int64_t array = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (array == 0) a.to.template as<FusedLoad>()[0] = load;
  if (array >= arrays_of(operand, a)) return;
  (a.to + static_cast<std::ptrdiff_t>(sizeof(FusedLoad))).template as<FusedBlock>()[array] =
      fused_block<operand>(a, load, array);
}

}  // namespace faltung::cuda::fft
