#pragma once

#include <cstddef>
#include <set>
#include <string>

namespace faltung::emulator {

struct LaunchSpec;

/// What the compiler made of a kernel, on which the size of its blocks depends.
struct KernelResources {
  int registers = 0;       ///< of a thread; 0: not known
  int max_threads = 1024;  ///< of a block: its __launch_bounds__
};

/// Those of the library's kernels, on sm_90a, are in kernel_resources.txt: the test
/// `kernels.resources` holds that file to the compiler's report. Of others nothing is known, unless
/// a test has said it.
[[nodiscard]] KernelResources resources_of(const void* kernel);
void set_resources(const void* kernel, const KernelResources& resources);

/// Registers that a block of so many threads is given: warps get them in pieces of 256.
/// Source: CUDA Occupancy Calculator, "Register allocation unit size" of 8.0 to 12.0.
[[nodiscard]] int block_registers(int registers, int threads);

/// cudaFuncAttributes::maxThreadsPerBlock on the current device.
[[nodiscard]] int max_threads(const void* kernel);

/// @throws Violation registers_exceeded if the block has more threads than its registers or its
/// launch bounds allow: on a GPU, "too many resources requested for launch".
void check_registers(const LaunchSpec& spec);

/// Names of kernels that were launched although nothing is known of them.
[[nodiscard]] const std::set<std::string>& unknown_kernels();

/// Whether the kernel was asked for its attributes on the current device, which loads it.
[[nodiscard]] bool is_loaded(const void* kernel);

/// @throws Violation shared_memory_not_requested, shared_memory_exceeded
void check_shared(const LaunchSpec& spec, std::size_t static_bytes);

/// Static shared memory of a kernel as known: what its launches have met.
[[nodiscard]] std::size_t static_shared_bytes(const void* function);
/// A launch of it has met so much. Kernels that take dynamic memory, too, are checked again.
void note_static_shared(const LaunchSpec& spec, std::size_t bytes);

}  // namespace faltung::emulator
