#pragma once

#include <map>
#include <string>

#include <faltung/device.hpp>
#include <faltung/problem.hpp>

namespace faltung::bench {

/// What the machine can do at best, measured in the same run as everything else.
struct Ceilings {
  double copy_bytes_per_second = 0;  ///< read plus written, of a plain large copy
  double launch_seconds = 0;         ///< shortest measurable piece of work; 0 on the CPU
  /// Products, f32 and so on by accuracy class ("tf32" is f32 with math=fast), flop/s: of matrices
  /// on a GPU, of registers on the CPU.
  std::map<std::string, double> matrix_flops;
};

/// Takes a few seconds.
[[nodiscard]] Ceilings measure_ceilings(const Device& device);

/// The physical limit in seconds: every tensor moved once at copy speed, and for dense layers
/// (more than one channel on both sides of a group) the arithmetic at the matrix rate, whichever
/// is longer. FFTs and single-channel filters are held to the copy alone.
[[nodiscard]] double limit_seconds(const Problem& problem, const Ceilings& ceilings);

}  // namespace faltung::bench
