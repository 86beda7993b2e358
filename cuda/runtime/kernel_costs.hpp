#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <faltung/dtype.hpp>
#include <faltung/machine.hpp>

/// Times of kernels from what the compiler made of them.
namespace faltung::cuda {

/// What a warp issues for a turn, or a unit, of a part of a kernel, and how long it takes alone.
/// scripts/machine_code/costs.py reads it from the machine code.
struct PartCost {
  double issued = 0;      ///< instructions
  double fma = 0;         ///< of those: on the pipe of f32 multiply-adds; products of i32 twice
  double f64 = 0;         ///< on that of f64
  double alu = 0;         ///< integers, comparisons, logic
  double xu = 0;          ///< conversions, special functions
  double wavefronts = 0;  ///< passes over 128 bytes of shared or cached memory
  double clocks = 0;      ///< of a warp alone, if global memory answered at once
  double covered = 0;     ///< of a warp alone, without what it waits for global memory
  double waits = 0;       ///< for global memory, its whole latency each
};

/// A kernel, by the parts of it that run equally often.
struct KernelCost {
  std::string_view name = {};  ///< with its arguments, without faltung::cuda
  std::string_view math = {};  ///< its multiply-add
  int registers = 0;           ///< of a thread
  int shared = 0;              ///< static, bytes
  PartCost sums = {};          ///< by multiply-add
  PartCost other_sums = {};    ///< the same of another loop, if there are two that differ
  PartCost taps = {};          ///< what a turn takes more that loads taps to registers
  PartCost copy = {};          ///< by 16 bytes that each lane copies to shared memory
  PartCost move = {};          ///< by element that each lane moves to shared memory
  PartCost frame = {};         ///< the same where it takes most, through the boundary map
  PartCost finish = {};        ///< by element that each lane stores on its own
  PartCost store = {};         ///< by 16 bytes that each lane stores
  PartCost load = {};          ///< by turn of a loop around copies
  PartCost around = {};     ///< by turn of the loop around those of sums, without what is by unit
  PartCost outer = {};      ///< the next loop around that, likewise
  PartCost outermost = {};  ///< and the next
  PartCost beyond = {};     ///< and the next
  PartCost once = {};       ///< what is in no loop
};

/// A type as the names of kernels have it: "float", "unsigned char".
[[nodiscard]] std::string_view kernel_type(DType type);

/// A name of the table, "direct::walk_kernel<float, float, 3, false>".
[[nodiscard]] std::string kernel_name(std::string_view kernel,
                                      std::initializer_list<std::string_view> arguments);

/// The row of the table.
///
/// @throws std::logic_error if there is none: the table is older than the kernel
[[nodiscard]] const KernelCost& kernel_cost(std::string_view name);

/// How often the parts of a kernel run: turns or units, of all warps of the block that does most.
struct Turns {
  double sums = 0, other_sums = 0, taps = 0;
  double copy = 0, move = 0, frame = 0, finish = 0, store = 0, load = 0;
  double around = 0, outer = 0, outermost = 0, beyond = 0, once = 0;
};

/// A launch, as far as its time goes.
struct KernelRun {
  const KernelCost* cost = nullptr;
  std::int64_t blocks = 1;
  int threads = 32;                 ///< of a block
  std::int64_t dynamic_shared = 0;  ///< bytes of a block
  Turns turns = {};                 ///< of a block
  double bytes = 0;                 ///< of memory, in all
  double l2_bytes = 0;              ///< that multiprocessors and L2 exchange, in all
  /// That threads load to registers, in all, if L1 answers what L2 does not. 0: there is no reuse.
  double loaded_bytes = 0;
  double mma = 0;              ///< matrix instructions of a block
  double mma_products = 2048;  ///< of each
  /// Latencies of global memory that a block waits for one after the other, beside `waits`: copies
  /// that are waited for as soon as they are issued, and the whole latency over how many are on
  /// their way otherwise.
  double latencies = 0;
  /// Instructions of all warps of a block that no part has, counted in the source.
  double other = 0;
};

/// What bounds a kernel.
enum class Bound { issue, fma, f64, alu, special, wavefronts, tensor, l2, memory, latency };
[[nodiscard]] std::string_view to_string(Bound bound);

/// Blocks on a multiprocessor at once, by registers, shared memory, threads and slots.
[[nodiscard]] int resident_blocks(const GpuLimits& limits, const KernelRun& run);

/// A time and why. Instructions by class are of the whole GPU.
struct Prediction {
  double us = 0;
  Bound bound = Bound::memory;  ///< of a full wave
  double share = 0;             ///< of the binding resource in `us`
  int resident = 0;             ///< blocks on a multiprocessor
  double waves = 0;             ///< of blocks, the last one as a part
  PartCost executed = {};       ///< by all warps
};

/// launch + waves x max(issue slots, pipes, wavefronts, tensor cores, L2, memory, latency). All
/// waves but the last are full; in the last one the busiest multiprocessor has as many blocks as
/// are left for it, which still take as long as one takes alone.
[[nodiscard]] Prediction predict(const GpuMachine& gpu, const KernelRun& run);

}  // namespace faltung::cuda
