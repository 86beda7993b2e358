#pragma once

#include "cuda/fft/fft_arguments.cuh"
#include "cuda/primitives/cells.cuh"
#include "cuda/primitives/definition.cuh"
#include "cuda/primitives/element.cuh"

namespace faltung::cuda::fft {

/// Calls f(i, row, column) for every threads-th i of [begin, end), which is row * columns + column.
template <typename F>
__device__ __forceinline__ void walk_chunk(std::uint32_t begin, std::uint32_t end,
                                           std::uint32_t columns, const F& f) {
  std::uint32_t i = begin + threadIdx.x;
  for (Cells<std::uint32_t> at(i, threads, columns); i < end; i += threads, at.next()) {
    f(i, at.row, at.column);
  }
}

template <typename T>
__device__ __forceinline__ T conjugate_if(T value, bool yes) {
  if constexpr (is_complex_value<T>) {
    if (yes) value.imag = -value.imag;
  }
  return value;
}

/// What blocks hold of a value: itself, or one digit of an integer.
///
/// @tparam Load  MoveArguments, or what has their `from`, `type` and `digit`
template <typename T, typename Load, typename Source>
__device__ __forceinline__ T loaded(const Load& a, Source value) {
  if constexpr (std::is_integral_v<Source>) {
    if (a.digit.is_whole()) return static_cast<T>(static_cast<std::int64_t>(value));
    return a.digit(value);
  } else {
    return value;
  }
}

/// An element of the operand that is loaded.
template <typename T, typename Source, typename Load>
__device__ __forceinline__ T element_at(const Load& a, std::int64_t index) {
  if constexpr (std::is_same_v<T, Source>) {
    if (a.type == native_type<T>) return a.from.template as<const T>()[index];
  }
  return loaded<T>(a, load_element<Source>(a.from, a.type, index));
}

/// One channel of x in a block, through the boundary map: what does not change along a row is found
/// once for it.
template <typename T, typename Source>
class RowsOfX {
 public:
  __device__ __forceinline__ RowsOfX(const MoveArguments& a, const Unit& unit, std::int64_t channel)
      : a_(a), unit_(unit), image_(unit.x + channel * a.geometry.x_channel) {
#pragma unroll
    for (int i = 0; i < max_rank; ++i) {
      window_[i] =
          static_cast<std::int32_t>(window(a.geometry.axis[i], a.geometry.block[i], unit.tile[i]));
    }
    first_ = first(2);
  }
  __device__ __forceinline__ void enter(std::uint32_t row) {
    const Geometry& g = a_.geometry;
    const auto rows = static_cast<std::uint32_t>(g.block[1].length);
    const std::int64_t at[2] = {row / rows, row % rows};
    place_ = Place{};
    there_ = true;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      there_ = there_ && at[i] < window_[i];
      place_ = place_along(g.axis[i], place_, first(i) + at[i]);
    }
  }
  __device__ __forceinline__ T operator()(std::uint32_t column) const {
    if (!there_ || static_cast<std::int64_t>(column) >= window_[2]) return T{};
    const AxisGeometry& axis = a_.geometry.axis[2];
    const std::int64_t position = first_ + column;
    if (place_.what == Stands::element && axis.input_dilation == 1 && position >= 0 &&
        position < axis.input) {
      return element_at<T, Source>(a_, image_ + place_.offset + position * axis.x_stride);
    }
    const Place place = place_along(axis, place_, position);
    if (place.what == Stands::nothing || place.what == Stands::between) return T{};
    return loaded<T>(a_, value_at<Source>(a_.from, a_.type, place, image_));
  }

 private:
  // The position of the input at which the block begins.
  __device__ __forceinline__ std::int64_t first(int i) const {
    return begin_of(a_.geometry.block[i], unit_.tile[i]) - a_.geometry.axis[i].pad_lo;
  }

  const MoveArguments& a_;
  const Unit& unit_;
  std::int64_t image_, first_;
  std::int32_t window_[max_rank];
  Place place_;
  bool there_ = false;
};

/// `place` in steps of `step`, as a whole number; negative if it is none, or before the first.
/// Places are within a block, so that 32 bits hold them, and a longer step is as good as any.
__device__ __forceinline__ std::int64_t steps_to(std::int64_t place, std::int64_t step) {
  if (place < 0) return -1;
  if (step == 1) return place;
  const auto distance = static_cast<std::uint32_t>(place);
  const auto by = static_cast<std::uint32_t>(min(step, std::int64_t{1} << 31));
  const std::uint32_t steps = distance / by;
  return steps * by == distance ? static_cast<std::int64_t>(steps) : -1;
}

/// One channel of y at the places of outputs, 0 between them.
template <typename T, typename Source>
class RowsOfY {
 public:
  __device__ __forceinline__ RowsOfY(const MoveArguments& a, const Unit& unit, std::int64_t channel)
      : a_(a), begin_(unit.y + channel * a.geometry.y_channel) {
#pragma unroll
    for (int i = 0; i < max_rank; ++i) {
      const AxisGeometry& axis = a.geometry.axis[i];
      const BlockOutputs outputs = outputs_of(axis, a.geometry.block[i], unit.tile[i]);
      begin_ += outputs.first * axis.y_stride;
      // At most the length, where nothing is left.
      place_[i] = static_cast<std::int32_t>(min(outputs.place, a.geometry.block[i].length));
      count_[i] = static_cast<std::int32_t>(min(outputs.count, a.geometry.block[i].length));
    }
  }
  __device__ __forceinline__ void enter(std::uint32_t row) {
    const auto rows = static_cast<std::uint32_t>(a_.geometry.block[1].length);
    offset_ = begin_;
    there_ = add(0, row / rows, offset_) && add(1, row % rows, offset_);
  }
  __device__ __forceinline__ T operator()(std::uint32_t column) const {
    std::int64_t offset = offset_;
    return there_ && add(2, column, offset) ? element_at<T, Source>(a_, offset) : T{};
  }

 private:
  // Whether an output stands at a point of an axis; its offset then.
  __device__ __forceinline__ bool add(int i, std::int64_t point, std::int64_t& offset) const {
    const AxisGeometry& axis = a_.geometry.axis[i];
    const std::int64_t o = steps_to(point - place_[i], axis.stride);
    offset += o * axis.y_stride;
    return o >= 0 && o < count_[i];
  }

  const MoveArguments& a_;
  std::int64_t begin_, offset_ = 0;  // of the first output of the block, and of a row
  std::int32_t place_[max_rank], count_[max_rank];
  bool there_ = false;
};

/// Where the filter of a pair of channels begins.
__device__ __forceinline__ std::int64_t filter_offset(const Geometry& g, const Member& member) {
  return g.w_origin + member.output * g.w_output + member.input * g.w_input;
}

/// The filter of a pair of channels at the places of taps, 0 between them.
template <typename T, typename Source>
class RowsOfW {
 public:
  __device__ __forceinline__ RowsOfW(const MoveArguments& a, const Member& member)
      : a_(a), begin_(filter_offset(a.geometry, member)) {}
  __device__ __forceinline__ void enter(std::uint32_t row) {
    const auto rows = static_cast<std::uint32_t>(a_.geometry.block[1].length);
    offset_ = begin_;
    there_ = add(0, row / rows, offset_) && add(1, row % rows, offset_);
  }
  __device__ __forceinline__ T operator()(std::uint32_t column) const {
    std::int64_t offset = offset_;
    if (!there_ || !add(2, column, offset)) return T{};
    return conjugate_if(element_at<T, Source>(a_, offset), a_.geometry.conjugate);
  }

 private:
  __device__ __forceinline__ bool add(int i, std::int64_t point, std::int64_t& offset) const {
    const AxisGeometry& axis = a_.geometry.axis[i];
    const std::int64_t tap = steps_to(reach(axis) - 1 - point, axis.dilation);
    offset += tap * axis.w_stride;
    return tap >= 0;
  }

  const MoveArguments& a_;
  std::int64_t begin_, offset_ = 0;
  bool there_ = false;
};

/// Fills the points of a chunk of one array, with 0 for what is not finite.
///
/// @return whether the calling thread met any such number
template <typename T, typename Rows>
__device__ __forceinline__ bool fill_chunk(const MoveArguments& a, std::int64_t array,
                                           std::uint32_t begin, Rows rows) {
  bool bad = false;
  const Geometry& g = a.geometry;
  const auto end = static_cast<std::uint32_t>(min(std::int64_t{begin} + chunk, g.points));
  const auto to = a.to.template as<T>() + array * g.points;
  std::uint32_t entered = ~0u;
  walk_chunk(begin, end, static_cast<std::uint32_t>(g.block[2].length),
             [&](std::uint32_t i, std::uint32_t row, std::uint32_t column) {
               if (row != entered) rows.enter(row);
               entered = row;
               const T value = rows(column);
               const bool finite = is_finite(value);
               to[i] = finite ? value : T{};
               bad = bad || !finite;
             });
  return bad;
}

/// Notes that a chunk of an array has numbers that are not finite, and so the array and the run.
__device__ __forceinline__ void set_marks(const Global<unsigned>& marks,
                                          const Global<unsigned>& any, std::int64_t words,
                                          std::int64_t array, std::int64_t number) {
  marks.atomic_max(array * words + number, 1);
  marks.atomic_max(array * words + words - 1, 1);
  any.atomic_max(0, 1);
}

/// Notes a chunk that has numbers that are not finite, which one has is all the same.
__device__ __forceinline__ void mark_chunk(const MoveArguments& a, std::int64_t array,
                                           std::int64_t number, bool bad) {
  if (__any_sync(~0u, bad) == 0 || threadIdx.x % 32 != 0) return;
  set_marks(a.marks, a.any, mark_words(a.geometry), array, number);
}

/// Rows of an array of which there is nothing.
template <typename T>
struct NoRows {
  __device__ __forceinline__ void enter(std::uint32_t) {}
  __device__ __forceinline__ T operator()(std::uint32_t) const { return T{}; }
};

/// Fills blocks with the elements of a tensor, and with zeros where it has none. Units and channels
/// past the last one are all zeros.
///
///   grid    x: chunks of points, block after block, as often as needed
///   block   threads
///
/// @tparam Source  what elements are read as: T, or 64 bits of integers
template <typename T, typename Source, Operand operand>
__global__ void __launch_bounds__(threads, 4) load_kernel(const __grid_constant__ MoveArguments a) {
  const Geometry& g = a.geometry;
  const std::int64_t chunks = (g.points + chunk - 1) / chunk;
  for (std::int64_t number = blockIdx.x; number < arrays_of(operand, a) * chunks;
       number += gridDim.x) {
    const Quotient at = divide(number, chunks);
    const Member member = member_of<operand>(a, at.whole);
    const auto begin = static_cast<std::uint32_t>(at.rest) * chunk;
    bool bad = false;
    if (!member.there) {
      fill_chunk<T>(a, at.whole, begin, NoRows<T>{});
    } else if constexpr (operand == Operand::w) {
      bad = fill_chunk<T>(a, at.whole, begin, RowsOfW<T, Source>(a, member));
    } else {
      const Unit unit = unit_at(g, member.unit);
      if constexpr (operand == Operand::x) {
        bad = fill_chunk<T>(a, at.whole, begin, RowsOfX<T, Source>(a, unit, member.input));
      } else {
        bad = fill_chunk<T>(a, at.whole, begin, RowsOfY<T, Source>(a, unit, member.output));
      }
    }
    if constexpr (!std::is_integral_v<Source>) mark_chunk(a, at.whole, at.rest, bad);
  }
}

}  // namespace faltung::cuda::fft
