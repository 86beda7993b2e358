#pragma once

#include <cstdint>

#include <faltung/machine.hpp>

namespace faltung::cuda {

/// Dynamic shared memory that a policy may give to a block: 1 KiB is left for static arrays, the
/// alignment of the dynamic part and the system. load_kernel knows exactly and refuses what is
/// more.
constexpr std::int64_t max_dynamic_shared(const GpuLimits& limits) {
  return limits.max_shared - 1024;
}

/// Blocks of so many bytes of dynamic shared memory that fit a multiprocessor at once.
constexpr std::int64_t blocks_by_shared(const GpuLimits& limits, std::int64_t bytes) {
  return limits.shared_of_multiprocessor / (bytes + limits.shared_reserved);
}

/// Every GPU that the library has code for offers at least this. What decides about the order of a
/// sum takes it, whatever the device: how work is cut otherwise changes speed, never results.
inline constexpr GpuLimits min_limits{.major = 8,
                                      .minor = 0,
                                      .max_shared = 99 * 1024,
                                      .shared_of_multiprocessor = 100 * 1024,
                                      .threads_of_multiprocessor = 1536,
                                      .blocks_of_multiprocessor = 16};

/// For how many multiprocessors sums are cut into pieces, on every device.
inline constexpr int sum_multiprocessors = 132;

/// The limits of the device of this index, asked for anew each time, which takes about a
/// microsecond. An H200's where no such device answers: problems can be judged, not run, there.
[[nodiscard]] GpuLimits device_limits(int index);

/// The same with its speed: that of the shipped record of its name, else of the record nearest to
/// its compute capability, in proportion to its clock, multiprocessors and memory. The machine of a
/// ScopedMachine of this thread, if there is one.
[[nodiscard]] GpuMachine gpu_machine(int index);

}  // namespace faltung::cuda
