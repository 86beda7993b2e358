#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <faltung/problem.hpp>

#include "cuda/depthwise/depthwise_geometry.hpp"
#include "cuda/runtime/gpu_machine.hpp"

namespace faltung::cuda::depthwise {

/// Instructions of single threads that a GPU issues in a microsecond.
inline double issued_per_us(const GpuMachine& gpu) {
  return gpu.multiprocessors() * gpu.issued_per_us();
}

/// Instructions of gather_kernel and gradient_kernel, counted by hand and not measured: two loads
/// with their addresses, conversions and an FMA for each tap; the split of an output's number.
/// Half of the issue slots are taken, since every load waits for the L1.
struct GatherCost {
  static constexpr double tap = 8;
  static constexpr double output = 120;
  static constexpr double use = 0.5;
};

/// Slots of an FMA beyond those that the counts above hold.
inline double more_slots(const GpuMachine& gpu, DType type) {
  return type == DType::f64 ? gpu.slots(DType::f64) - 2 : gpu.slots(DType::f32) - 1;
}

/// Predicted microseconds of gather_kernel.
inline double predict_gather_us(const GpuMachine& gpu, const Problem& p, const Geometry& g) {
  const double outputs = static_cast<double>(g.batch) * static_cast<double>(g.channels) *
                         static_cast<double>(g.positions());
  const double terms = static_cast<double>(g.group_inputs) * static_cast<double>(g.taps());
  const double slow = p.input == DType::f64 ? 1.5 : 1;
  const double tap = GatherCost::tap * slow + more_slots(gpu, p.input);
  const double instructions = outputs * (terms * tap + GatherCost::output);
  return gpu.launch_us + std::max(instructions / (GatherCost::use * issued_per_us(gpu)),
                                  p.bytes() / gpu.moved_bytes_per_us());
}

/// Pieces for the filter gradient: enough blocks for 16 on each multiprocessor, but no piece below
/// 2048 positions, so that the sums of a block are worth their reduction. Depends on the shape
/// alone, so that results do.
inline GradientCut gradient_cut(const Geometry& g, std::int64_t tap_groups) {
  GradientCut cut;
  cut.block_channels = g.channels_last && g.channels > 1 ? 32 : 1;
  cut.channel_groups = divide_up(g.channels, cut.block_channels);
  const std::int64_t positions = g.batch * g.positions();
  const std::int64_t wanted = divide_up(sum_multiprocessors * 16, cut.channel_groups * tap_groups);
  const std::int64_t max = divide_up(positions * cut.block_channels, 2048);
  cut.chunk = divide_up(positions, std::clamp<std::int64_t>(wanted, 1, max));
  cut.chunks = divide_up(positions, cut.chunk);
  return cut;
}

/// Predicted microseconds of gradient_sum_kernel; not measured. A thread has four pieces on their
/// way at a time, each as long as memory takes, and eight blocks share a multiprocessor.
inline double predict_gradient_sum_us(const GpuMachine& gpu, const Geometry& g, std::int64_t pieces,
                                      double bytes_of_sum) {
  const double resident = gpu.multiprocessors() * 8;
  const double elements = static_cast<double>(g.channels) * static_cast<double>(g.taps());
  const int parts = gradient_parts(pieces);
  const double blocks = std::ceil(elements * parts / gather_threads);
  const double rounds = static_cast<double>(divide_up(pieces, 4 * parts));
  return gpu.launch_us +
         std::max(std::ceil(blocks / resident) * rounds * gpu.memory_latency_us,
                  elements * static_cast<double>(pieces) * bytes_of_sum / gpu.moved_bytes_per_us());
}

/// Predicted microseconds of gradient_kernel and its sum.
inline double predict_gradient_us(const GpuMachine& gpu, const Problem& p, const Geometry& g) {
  const double positions = static_cast<double>(g.batch) * static_cast<double>(g.channels) *
                           static_cast<double>(g.positions());
  const double taps = static_cast<double>(g.taps());
  const double groups = std::max(1.0, taps / 8);
  const double instructions =
      positions * (taps * (5 + more_slots(gpu, p.input)) + groups * GatherCost::output);
  const GradientCut cut = gradient_cut(g, divide_up(g.taps(), gradient_taps));
  return gpu.launch_us +
         std::max(instructions / (GatherCost::use * issued_per_us(gpu)),
                  p.bytes() / gpu.moved_bytes_per_us()) +
         predict_gradient_sum_us(gpu, g, cut.chunks, p.input == DType::f64 ? 8 : 4);
}

}  // namespace faltung::cuda::depthwise
