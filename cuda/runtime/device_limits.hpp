#pragma once

#include <cstdint>

namespace faltung::cuda {

/// What a GPU offers to a kernel, as far as launches are cut by it. How work is cut changes speed,
/// never results: what decides about the order of a sum takes `least_limits` instead. The defaults
/// are those of an H200, for which the kernels were written.
///
/// Source: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
struct DeviceLimits {
  int major = 9, minor = 0;  ///< compute capability
  int multiprocessors = 132;
  std::int64_t shared_default = 48 * 1024;  ///< bytes of a block, static and dynamic together
  std::int64_t shared_most = 227 * 1024;    ///< the same for a kernel that asks for it
  std::int64_t shared_of_multiprocessor = 228 * 1024;
  std::int64_t shared_reserved = 1024;  ///< for the system, of each resident block
  int registers_of_block = 65536;
  int registers_of_multiprocessor = 65536;
  int threads_of_block = 1024;
  int threads_of_multiprocessor = 2048;
  int blocks_of_multiprocessor = 32;
};

/// Dynamic shared memory that a policy may give to a block: 1 KiB is left for static arrays, the
/// alignment of the dynamic part and the system. load_kernel knows exactly and refuses what is
/// more.
constexpr std::int64_t dynamic_shared_most(const DeviceLimits& limits) {
  return limits.shared_most - 1024;
}

/// Blocks of so many bytes of dynamic shared memory that fit a multiprocessor at once.
constexpr std::int64_t blocks_by_shared(const DeviceLimits& limits, std::int64_t bytes) {
  return limits.shared_of_multiprocessor / (bytes + limits.shared_reserved);
}

/// Every GPU that the library has code for offers at least this.
inline constexpr DeviceLimits least_limits{.major = 8,
                                           .minor = 0,
                                           .shared_most = 99 * 1024,
                                           .shared_of_multiprocessor = 100 * 1024,
                                           .threads_of_multiprocessor = 1536,
                                           .blocks_of_multiprocessor = 16};

/// The limits of the device of this index, asked for anew each time, which takes about a
/// microsecond. An H200's where no such device answers: problems can be judged, not run, there.
[[nodiscard]] DeviceLimits device_limits(int index);

}  // namespace faltung::cuda
