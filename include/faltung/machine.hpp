#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <faltung/dtype.hpp>
#include <faltung/export.hpp>

/// How fast a machine is, as far as estimates ask. Engines count work (cycles, products, bytes) and
/// these records turn it into time, so a problem can be planned for a machine that is not here.
///
/// Rates are those that kernels reach, not peaks of data sheets; docs/machines.md says where each
/// figure comes from. They decide which engine and which way is taken and where loops are cut,
/// never the order of a sum within a way.
namespace faltung {

struct Candidate;
struct Problem;

/// Products and their sums that one thread forms in a cycle, in vector registers, by the type of
/// the sums.
struct ProductRates {
  double f32 = 0;   ///< in f32
  double f64 = 0;   ///< in f64
  double c64 = 0;   ///< in c64, complex products
  double c128 = 0;  ///< in c128, likewise
  double i32 = 0;   ///< in i32
  /// The same for pairs of products of 16-bit integers that one instruction adds to a sum of i32.
  double pairs = 0;
};

/// A CPU as one thread sees it.
struct CpuMachine {
  std::string name = {};             ///< "avx512_server"; "calibrated" if it comes from a file
  std::string instruction_set = {};  ///< "avx512", "avx2", "neon", "sse4", "baseline"
  std::int64_t vector_bytes = 0;     ///< of a register: 16, 32 or 64
  double clock_ghz = 0;              ///< with vectors at work
  ProductRates products = {};        ///< a cycle
  std::int64_t l1d_bytes = 0;        ///< first-level cache for data, of a core
  std::int64_t l2_bytes = 0;         ///< second-level cache, of a core
  std::int64_t l3_bytes = 0;         ///< what one thread can use of the last level
  double l3_bytes_per_ns = 0;        ///< read and written, both counted, within the last level
  double copy_bytes_per_ns = 0;      ///< the same beyond it
  double thread_gain = 0;            ///< speed that every further thread adds to 1
  double thread_wake_us = 0;         ///< until another thread begins to work

  /// Nanoseconds of a cycle.
  [[nodiscard]] double cycle_ns() const { return 1 / clock_ghz; }
  /// Nanoseconds of a product with sums of this type.
  [[nodiscard]] FALTUNG_API double product_ns(DType accumulator) const;
  /// The same for one of `ProductRates::pairs`.
  [[nodiscard]] double pair_ns() const { return cycle_ns() / products.pairs; }
  /// Lanes of a register for values of so many bytes.
  [[nodiscard]] double lanes(std::int64_t bytes) const {
    return static_cast<double>(vector_bytes) / static_cast<double>(bytes);
  }
};

/// What a GPU offers to a kernel, as far as launches are cut by it. The defaults are those of an
/// H200, for which the kernels were written.
///
/// Source: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
struct GpuLimits {
  int major = 9;                            ///< of the compute capability
  int minor = 0;                            ///< likewise
  int multiprocessors = 132;                ///< of the whole GPU
  std::int64_t shared_default = 48 * 1024;  ///< bytes of a block, static and dynamic together
  std::int64_t max_shared = 227 * 1024;     ///< the same for a kernel that asks for it
  std::int64_t shared_of_multiprocessor = 228 * 1024;  ///< bytes, of all its blocks
  std::int64_t shared_reserved = 1024;                 ///< for the system, of each resident block
  int registers_of_block = 65536;                      ///< of 32 bits
  int registers_of_multiprocessor = 65536;             ///< likewise
  int threads_of_block = 1024;                         ///< at most
  int threads_of_multiprocessor = 2048;                ///< resident at once
  int blocks_of_multiprocessor = 32;                   ///< likewise
};

/// A GPU. A multiprocessor issues to 128 lanes in a clock, of which each kind of arithmetic has as
/// many as this says.
struct GpuMachine {
  std::string name = {};                 ///< "h200"
  std::string product = {};              ///< words of the name that the driver gives it, "H200"
  GpuLimits limits = {};                 ///< what launches are held to
  double clock_mhz = 0;                  ///< of multiprocessors under load
  double f32_lanes = 0;                  ///< multiply-adds of a multiprocessor in a clock
  double f64_lanes = 0;                  ///< likewise
  double i32_lanes = 0;                  ///< likewise
  double f32_use = 0;                    ///< the part of f32_lanes that matrix products reach
  double mma_products = 0;               ///< f16 with f32 sums by mma.sync, likewise in a clock
  double copy_bytes_per_us = 0;          ///< of memory, read and written, both counted
  double l2_bytes_per_us = 0;            ///< that multiprocessors read from L2
  std::int64_t l2_bytes = 0;             ///< of L2
  double memory_latency_us = 0;          ///< until a load that misses L2 is answered, under load
  double launch_us = 0;                  ///< of an empty kernel, events around it
  double sheet_clock_mhz = 0;            ///< boost clock of the data sheet
  double sheet_memory_bytes_per_us = 0;  ///< bandwidth of the data sheet

  /// As a number to reckon with.
  [[nodiscard]] double multiprocessors() const { return limits.multiprocessors; }
  /// Bytes of memory a microsecond that kernels move: 0.88 of copying, as copy kernels of our own.
  [[nodiscard]] double moved_bytes_per_us() const { return 0.88 * copy_bytes_per_us; }
  /// Instructions of single threads that one multiprocessor issues in a microsecond.
  [[nodiscard]] double issued_per_us() const { return 128 * clock_mhz; }
  /// Issue slots of a multiply-add of real numbers and of i32; f32 takes 1 where all lanes have it.
  [[nodiscard]] FALTUNG_API double slots(DType accumulator) const;
  /// Multiply-adds a microsecond of the whole GPU with sums of this type.
  [[nodiscard]] FALTUNG_API double products_per_us(DType accumulator) const;
};

/// Names of the records that the library ships: CPUs, then GPUs.
[[nodiscard]] FALTUNG_API std::vector<std::string> cpu_machine_names();
[[nodiscard]] FALTUNG_API std::vector<std::string> gpu_machine_names();  ///< of GPUs
/// None if the name is none of those.
[[nodiscard]] FALTUNG_API std::optional<CpuMachine> find_cpu_machine(std::string_view name);
/// Likewise.
[[nodiscard]] FALTUNG_API std::optional<GpuMachine> find_gpu_machine(std::string_view name);

/// The CPU that plans are made for: what `faltung calibrate` measured, if machine_file() is there;
/// else the shipped record of this processor's instruction set, with its own caches.
///
/// @throws InvalidProblem if the file cannot be read, or a line of it breaks a rule.
[[nodiscard]] FALTUNG_API CpuMachine machine_here();

/// Measures this CPU: its clock, products by the engines' own kernels, memory and threads. Takes
/// about ten seconds, in which no plans should be made or run and nothing else should compute.
[[nodiscard]] FALTUNG_API CpuMachine calibrate_cpu();

/// Where the record of this machine is looked for, once in a process: FALTUNG_MACHINE_FILE of the
/// environment, else faltung/machine.txt in XDG_CONFIG_HOME or in .config of HOME. Empty for none,
/// as FALTUNG_MACHINE_FILE may be.
[[nodiscard]] FALTUNG_API std::string machine_file();

/// A record as text, `field = value` with the units in comments, and back.
///
/// @throws InvalidProblem if a line is no field, a value is out of its range, or a field is missing
///         or given twice.
[[nodiscard]] FALTUNG_API std::string to_text(const CpuMachine& machine);
/// The record of such a text, as above.
[[nodiscard]] FALTUNG_API CpuMachine parse_cpu_machine(std::string_view text);

/// Every engine for `problem` on a machine of these names, which need not be here: verdict, way and
/// estimate, but nothing is prepared, so that workspaces and bounds are unknown. With as many
/// threads as plans here take. <faltung/plan.hpp> has Candidate.
///
/// @param engine  as PlanOptions::engine
/// @throws InvalidProblem if the problem is not valid, or there is no such machine or engine.
[[nodiscard]] FALTUNG_API std::vector<Candidate> candidates_for(const Problem& problem,
                                                                std::string_view machine,
                                                                std::string_view engine = {});

/// The same as several lines for people, as Plan::explain has them of plans that can run here.
///
/// @throws InvalidProblem as candidates_for, NoEngine if no engine takes the problem there.
[[nodiscard]] FALTUNG_API std::string explain_for(const Problem& problem, std::string_view machine,
                                                  std::string_view engine = {});

}  // namespace faltung
