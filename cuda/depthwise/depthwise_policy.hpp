#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <faltung/problem.hpp>

#include "cuda/depthwise/depthwise_geometry.hpp"

namespace faltung::cuda::depthwise {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Blocks along x: kernels walk on where a grid ends.
constexpr unsigned grid_of(std::int64_t blocks) {
  constexpr std::int64_t most = 0x7fffffff;
  return static_cast<unsigned>(std::min(blocks, most));
}

/// What an H200 does in a microsecond: copies at 0.88 of 4.27 TB/s, as copying itself reaches; an
/// empty kernel takes 3.4 (bench/targets). `instructions` are those of single threads at 1.755 GHz.
struct H200 {
  static constexpr double launch_us = 3.4;
  static constexpr double bytes = 0.88 * 4.27e6;
  static constexpr double multiprocessors = 132;
  static constexpr double instructions = multiprocessors * 128 * 1755;
};

/// Instructions of gather_kernel and gradient_kernel, counted by hand and not measured: two loads
/// with their addresses, conversions and an FMA for each tap; the split of an output's number.
/// Half of the issue slots are taken, since every load waits for the L1.
struct GatherCost {
  static constexpr double tap = 8;
  static constexpr double output = 120;
  static constexpr double use = 0.5;
};

/// Predicted microseconds of gather_kernel on an H200.
inline double predict_gather_us(const Problem& p, const Geometry& g) {
  const double outputs = static_cast<double>(g.batch) * static_cast<double>(g.channels) *
                         static_cast<double>(g.positions());
  const double terms = static_cast<double>(g.inputs) * static_cast<double>(g.taps());
  const double slow = p.input == DType::f64 ? 1.5 : 1;
  const double instructions = outputs * (terms * GatherCost::tap * slow + GatherCost::output);
  return H200::launch_us +
         std::max(instructions / (GatherCost::use * H200::instructions), p.bytes() / H200::bytes);
}

/// Pieces for the filter gradient: enough blocks for 16 on each multiprocessor, but no piece below
/// 2048 positions, so that the sums of a block are worth their reduction. Depends on the shape
/// alone, so that results do.
inline GradientCut gradient_cut(const Geometry& g, std::int64_t tap_groups) {
  GradientCut cut;
  cut.block_channels = g.channels_last && g.channels > 1 ? 32 : 1;
  cut.channel_groups = divide_up(g.channels, cut.block_channels);
  const std::int64_t positions = g.batch * g.positions();
  const std::int64_t wanted = divide_up(132 * 16, cut.channel_groups * tap_groups);
  const std::int64_t most = divide_up(positions * cut.block_channels, 2048);
  cut.chunk = divide_up(positions, std::clamp<std::int64_t>(wanted, 1, most));
  cut.chunks = divide_up(positions, cut.chunk);
  return cut;
}

/// Predicted microseconds of gradient_sum_kernel on an H200; not measured. A thread has four pieces
/// on their way at a time, each as long as memory takes, and eight blocks share a multiprocessor.
inline double predict_gradient_sum_us(const Geometry& g, std::int64_t pieces, double bytes_of_sum) {
  constexpr double memory_us = 0.6;
  constexpr double resident = H200::multiprocessors * 8;
  const double elements = static_cast<double>(g.channels) * static_cast<double>(g.taps());
  const int parts = gradient_parts(pieces);
  const double blocks = std::ceil(elements * parts / gather_threads);
  const double rounds = static_cast<double>(divide_up(pieces, 4 * parts));
  return H200::launch_us +
         std::max(std::ceil(blocks / resident) * rounds * memory_us,
                  elements * static_cast<double>(pieces) * bytes_of_sum / H200::bytes);
}

/// Predicted microseconds of gradient_kernel and its sum on an H200.
inline double predict_gradient_us(const Problem& p, const Geometry& g) {
  const double positions = static_cast<double>(g.batch) * static_cast<double>(g.channels) *
                           static_cast<double>(g.positions());
  const double taps = static_cast<double>(g.taps());
  const double groups = std::max(1.0, taps / 8);
  const double instructions = positions * (taps * 5 + groups * GatherCost::output);
  const GradientCut cut = gradient_cut(g, divide_up(g.taps(), gradient_taps));
  return H200::launch_us +
         std::max(instructions / (GatherCost::use * H200::instructions), p.bytes() / H200::bytes) +
         predict_gradient_sum_us(g, cut.chunks, p.input == DType::f64 ? 8 : 4);
}

}  // namespace faltung::cuda::depthwise
