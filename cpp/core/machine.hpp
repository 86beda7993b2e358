#pragma once

#include <faltung/machine.hpp>

namespace faltung {

/// The CPU that estimates on this thread are made for; see machine_here() and ScopedMachine.
///
/// @throws InvalidProblem as machine_here() does.
[[nodiscard]] const CpuMachine& cpu_machine();

/// The one on which the constants of the policies were measured. What decides the order of a sum
/// asks this one, so that bits depend on the problem and the instruction set alone.
[[nodiscard]] const CpuMachine& reference_cpu_machine();

/// The GPU that the kernels were written for, an H200.
[[nodiscard]] const GpuMachine& reference_gpu_machine();

/// The shipped record of this processor's instruction set, with its own caches.
[[nodiscard]] CpuMachine shipped_cpu_machine();

/// The shipped records.
[[nodiscard]] const std::vector<CpuMachine>& cpu_machine_table();
[[nodiscard]] const std::vector<GpuMachine>& gpu_machine_table();

/// Engines asked on this thread answer for another machine while this lives; what they offer may be
/// prepared only if it has the instruction set of this one. The record must outlive it.
class ScopedMachine {
 public:
  explicit ScopedMachine(const CpuMachine& machine);
  explicit ScopedMachine(const GpuMachine& machine);
  ~ScopedMachine();
  ScopedMachine(const ScopedMachine&) = delete;
  ScopedMachine& operator=(const ScopedMachine&) = delete;

 private:
  const CpuMachine* outer_cpu_;
  const GpuMachine* outer_gpu_;
};

/// The machine of the innermost ScopedMachine of this thread; null if there is none of that kind.
[[nodiscard]] const CpuMachine* cpu_machine_elsewhere();
[[nodiscard]] const GpuMachine* gpu_machine_elsewhere();

}  // namespace faltung
