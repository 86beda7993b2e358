#pragma once

#include "cuda/fft/fft_arguments.cuh"
#include "cuda/primitives/definition.cuh"
#include "cuda/primitives/element.cuh"

namespace faltung::cuda::fft {

/// A point of a block.
struct Point {
  std::int64_t at[max_rank];
};

__device__ __forceinline__ Point point_at(const Geometry& g, std::uint32_t index) {
  const auto columns = static_cast<std::uint32_t>(g.block[2].length);
  const auto rows = static_cast<std::uint32_t>(g.block[1].length);
  const std::uint32_t row = index / columns;
  return {{row / rows, row % rows, index % columns}};
}

/// x at a point of a block, through the boundary map.
template <typename T>
__device__ __forceinline__ T x_at(const MoveArguments& a, const Unit& unit, std::int64_t channel,
                                  const Point& point) {
  const Geometry& g = a.geometry;
  Place place{};
#pragma unroll
  for (int i = 0; i < max_rank; ++i) {
    const AxisGeometry& axis = g.axis[i];
    const BlockAxis& block = g.block[i];
    if (point.at[i] >= window(axis, block, unit.tile[i])) return T{};
    place = place_along(
        axis, place,
        unit.tile[i] * block.tile * axis.stride + block.origin + point.at[i] - axis.pad_lo);
  }
  return value_at<T>(a.from, a.type, place, unit.x + channel * g.x_channel);
}

/// `place` in steps of `step`, as a whole number; negative if it is none, or before the first.
/// Places are within a block, so that 32 bits hold them, and a longer step is as good as any.
__device__ __forceinline__ std::int64_t steps_to(std::int64_t place, std::int64_t step) {
  if (place < 0) return -1;
  const auto distance = static_cast<std::uint32_t>(place);
  const auto by = static_cast<std::uint32_t>(min(step, std::int64_t{1} << 31));
  const std::uint32_t steps = distance / by;
  return steps * by == distance ? static_cast<std::int64_t>(steps) : -1;
}

/// y at the places of outputs, 0 between them.
template <typename T>
__device__ __forceinline__ T y_at(const MoveArguments& a, const Unit& unit, std::int64_t channel,
                                  const Point& point) {
  const Geometry& g = a.geometry;
  std::int64_t offset = unit.y + channel * g.y_channel;
#pragma unroll
  for (int i = 0; i < max_rank; ++i) {
    const AxisGeometry& axis = g.axis[i];
    const BlockAxis& block = g.block[i];
    const std::int64_t o = steps_to(point.at[i] - output_place(axis, block, 0), axis.stride);
    if (o < 0 || o >= outputs_of(axis, block, unit.tile[i])) return T{};
    offset += (unit.tile[i] * block.tile + o) * axis.y_stride;
  }
  return load_element<T>(a.from, a.type, offset);
}

template <typename T>
__device__ __forceinline__ T conjugate_if(T value, bool yes) {
  if constexpr (is_complex_value<T>) {
    if (yes) value.imag = -value.imag;
  }
  return value;
}

/// Where the filter of a pair of channels begins.
__device__ __forceinline__ std::int64_t filter_offset(const Geometry& g, std::int64_t pair) {
  return g.w_origin + pair / g.group_inputs * g.w_output + pair % g.group_inputs * g.w_input;
}

/// The filter at `offset` at the places of taps, 0 between them.
template <typename T>
__device__ __forceinline__ T w_at(const MoveArguments& a, std::int64_t offset, const Point& point) {
  const Geometry& g = a.geometry;
#pragma unroll
  for (int i = 0; i < max_rank; ++i) {
    const AxisGeometry& axis = g.axis[i];
    const std::int64_t tap = steps_to(reach(axis) - 1 - point.at[i], axis.dilation);
    if (tap < 0) return T{};
    offset += tap * axis.w_stride;
  }
  return conjugate_if(load_element<T>(a.from, a.type, offset), g.conjugate);
}

/// Fills blocks with the elements of a tensor, and with zeros where it has none. Units past the
/// last one are all zeros.
///
///   grid    x: chunks of points, block after block, as often as needed
///   block   threads
template <typename T, Operand operand>
__global__ void __launch_bounds__(threads, 4) load_kernel(const __grid_constant__ MoveArguments a) {
  const Geometry& g = a.geometry;
  const std::int64_t channels = operand == Operand::x   ? g.inputs()
                                : operand == Operand::y ? g.outputs()
                                                        : 1;
  const std::int64_t last = operand == Operand::w ? g.pairs() : g.units();
  const std::int64_t chunks = (g.points + chunk - 1) / chunk;
  for (std::int64_t number = blockIdx.x; number < a.count * channels * chunks;
       number += gridDim.x) {
    const std::int64_t array = number / chunks;
    const std::int64_t index = a.first + array / channels;
    const bool there = index < last;
    const std::int64_t channel = array % channels;
    Unit unit;
    std::int64_t filter = 0;
    if constexpr (operand == Operand::w) {
      filter = filter_offset(g, index);
    } else if (there) {
      unit = unit_at(g, index);
    }
    const auto begin = static_cast<std::uint32_t>(number % chunks) * chunk;
    for (std::uint32_t i = begin + threadIdx.x; i < begin + chunk && i < g.points; i += threads) {
      T value{};
      if (there) {
        const Point point = point_at(g, i);
        if constexpr (operand == Operand::x) value = x_at<T>(a, unit, channel, point);
        if constexpr (operand == Operand::y) value = y_at<T>(a, unit, channel, point);
        if constexpr (operand == Operand::w) value = w_at<T>(a, filter, point);
      }
      a.to.template as<T>()[array * g.points + i] = value;
    }
  }
}

}  // namespace faltung::cuda::fft
