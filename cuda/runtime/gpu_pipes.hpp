#pragma once

#include <faltung/machine.hpp>

namespace faltung::cuda {

/// What a multiprocessor does in a clock beside what GpuMachine says, the same for all GPUs of a
/// compute capability.
///
/// Source: CUDA C++ Programming Guide, "Throughput of Native Arithmetic Instructions": 64 lanes of
/// 32-bit integers, comparisons and logic on all from 8.0 to 12.0, or 128 for additions from 10.0
/// on, which are not told apart here; 16 conversions and special functions. "Shared Memory": 32
/// banks of 4 bytes, so a wavefront moves 128 bytes.
struct GpuPipes {
  double schedulers = 4;  ///< warps of which one instruction each is issued
  double alu_lanes = 64;
  double xu_lanes = 16;
  double wavefronts = 1;
};

/// Clocks until a load is answered, if little else is on its way.
///
/// Source: W. Luo et al., "Benchmarking and Dissecting the Nvidia Hopper GPU Architecture via
/// Microbenchmarking" (2024), memory latencies of an H100. Those of an A100 are 261.5 and 466.3.
struct GpuLatency {
  double l1 = 40.7;
  double l2 = 263;
  double memory = 478.8;
};

/// Registers are given to warps in such units, and shared memory to blocks.
///
/// Source: CUDA Occupancy Calculator, for 8.0 to 9.0; assumed of later ones.
inline constexpr int register_unit = 256;
inline constexpr std::int64_t shared_unit = 128;

}  // namespace faltung::cuda
