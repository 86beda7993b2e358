#pragma once

#include <cmath>

#include <faltung/problem.hpp>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/direct/boxes/box.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung::direct {

/// How GradientTask cuts the outputs.
struct GradientPolicy {
  bool channels_in_lanes;  ///< or neighbouring outputs
  Box box;
  std::int64_t images;  ///< that a box is taken of at once
};
/// @param lanes  values of a vector
/// @param bytes  of a value
[[nodiscard]] GradientPolicy choose_gradient(const Problem& p, std::int64_t lanes,
                                             std::int64_t bytes);

/// And the sums, from the problem alone: their order follows from it.
struct GradientCut {
  std::int64_t slices;           ///< of the boxes
  std::int64_t parts;            ///< of a group's input channels
  std::int64_t part_channels;    ///< in a part
  std::int64_t shared_channels;  ///< of a part that are loaded together
};
/// @param sum_bytes      of the sums of a slice
/// @param channel_bytes  of an input channel of a box
[[nodiscard]] GradientCut cut_gradient(const Problem& p, const GradientPolicy& policy,
                                       std::int64_t boxes, std::int64_t sum_bytes,
                                       std::int64_t channel_bytes);

/// Microseconds of one thread for the gradient of the filter: products, with lanes that output
/// channels or the last outputs of a row leave empty; what is read into boxes; what the slices add
/// up.
inline double gradient_us(const Problem& p) {
  constexpr double read_cycles = 1.85;
  constexpr double row_cycles = 37;
  constexpr double sum_cycles = 7.4;
  const CpuMachine& machine = cpu_machine();
  const bool wide = size_of(p.accumulator) > 4;
  const double lanes = machine.lanes(wide ? 8 : 4);
  const auto group_outputs = static_cast<double>(p.out_channels / p.groups);
  const auto width = static_cast<double>(p.axes.back().output());
  const bool channels_in_lanes = 4 * group_outputs > lanes;
  const double in_lanes = channels_in_lanes ? group_outputs : width;
  // Outputs in the lanes load a vector for every product of vectors.
  const double fill =
      std::ceil(in_lanes / lanes) * lanes / in_lanes * (channels_in_lanes ? 1 : 1.6);
  const double gradient_cycles = channels_in_lanes ? 4.44 : 0.74;  // transposed, or copied
  double outputs = static_cast<double>(p.batch);
  double read = outputs * static_cast<double>(p.in_channels);
  double weights = static_cast<double>(p.in_channels) * group_outputs;
  for (const Axis& axis : p.axes) {
    outputs *= static_cast<double>(axis.output());
    read *= static_cast<double>(extended_extent(axis));
    weights *= static_cast<double>(axis.filter);
  }
  const double gradients = outputs * static_cast<double>(p.out_channels);
  const double rows = (gradients + read) / width;
  const double cycles =
      read * read_cycles + rows * row_cycles + gradients * gradient_cycles + weights * sum_cycles;
  return 1e-3 * (p.multiply_adds() * fill * machine.product_ns(p.accumulator) +
                 cycles * machine.cycle_ns());
}

}  // namespace faltung::direct
