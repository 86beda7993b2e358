#include "cpp/core/machine.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#if defined(__linux__)
#include <unistd.h>
#endif

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"

namespace faltung {
namespace {

thread_local const CpuMachine* cpu_elsewhere = nullptr;
thread_local const GpuMachine* gpu_elsewhere = nullptr;

const CpuMachine& row_of(std::string_view name) {
  return *std::ranges::find(cpu_machine_table(), name, &CpuMachine::name);
}

// The record of the best set that this processor has. Without vectors of 32 bytes an x86 counts as
// half of one that has them.
CpuMachine shipped() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return row_of("avx512_server");
  }
  CpuMachine machine = row_of("avx2_laptop");
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return machine;
  machine.name = "half of avx2_laptop";
  machine.instruction_set = __builtin_cpu_supports("sse4.2") ? "sse4" : "baseline";
  machine.vector_bytes = 16;
  ProductRates& rates = machine.products;
  for (double* rate : {&rates.f32, &rates.f64, &rates.c64, &rates.c128, &rates.i32, &rates.pairs}) {
    *rate /= 2;
  }
  return machine;
#else
  return row_of("neon_server");
#endif
}

// Caches of a core as the system knows them; what a thread has of the last level it does not tell:
// virtual machines report that of the whole host.
CpuMachine with_own_caches(CpuMachine machine) {
#if defined(_SC_LEVEL1_DCACHE_SIZE) && defined(_SC_LEVEL2_CACHE_SIZE)
  constexpr std::int64_t min = 16 * 1024;  // less is a system that does not know
  const std::int64_t first = sysconf(_SC_LEVEL1_DCACHE_SIZE);
  const std::int64_t second = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (first >= min && second >= 2 * first) {
    machine.l1d_bytes = first;
    machine.l2_bytes = second;
  }
#endif
  return machine;
}

CpuMachine find_here() {
  const std::string path = machine_file();
  if (path.empty()) return shipped_cpu_machine();
  std::ifstream file(path);
  if (!file) {
    const bool asked = std::getenv("FALTUNG_MACHINE_FILE") != nullptr;
    std::error_code unknown;
    if (!asked && !std::filesystem::exists(path, unknown)) return shipped_cpu_machine();
    throw InvalidProblem(message("machine file ", path, " cannot be read",
                                 asked ? ", and FALTUNG_MACHINE_FILE names it" : "",
                                 "; write it with `faltung calibrate --output`, or ",
                                 asked ? "unset the variable" : "remove it"));
  }
  std::ostringstream text;
  text << file.rdbuf();
  try {
    return parse_cpu_machine(text.str());
  } catch (const InvalidProblem& error) {
    throw InvalidProblem(message("machine file ", path, ": ", error.what(),
                                 "; write it anew with `faltung calibrate`, or remove it"));
  }
}

template <typename Machine>
std::vector<std::string> names_of(const std::vector<Machine>& table) {
  std::vector<std::string> names;
  names.reserve(table.size());
  for (const Machine& machine : table) names.push_back(machine.name);
  return names;
}

template <typename Machine>
std::optional<Machine> find_in(const std::vector<Machine>& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Machine::name);
  return found == table.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

double CpuMachine::product_ns(DType accumulator) const {
  const auto rate = [&] {
    switch (accumulator) {
      case DType::f64:
        return products.f64;
      case DType::c64:
        return products.c64;
      case DType::c128:
        return products.c128;
      case DType::f32:
        return products.f32;
      default:
        return products.i32;
    }
  }();
  return cycle_ns() / rate;
}

double GpuMachine::slots(DType accumulator) const {
  constexpr double issued = 128;
  switch (accumulator) {
    case DType::f64:
      return issued / f64_lanes;
    case DType::c64:
      return 4 * issued / f32_lanes;
    case DType::c128:
      return 4 * issued / f64_lanes;
    case DType::i32:
      return issued / i32_lanes;
    case DType::i64:
      return 2 * issued / i32_lanes;
    default:
      return issued / f32_lanes;
  }
}

double GpuMachine::products_per_us(DType accumulator) const {
  const double clocks = multiprocessors() * clock_mhz * f32_use;
  switch (accumulator) {
    case DType::f64:
      return clocks * f64_lanes;
    case DType::c64:
      return clocks * f32_lanes / 4;
    case DType::c128:
      return clocks * f64_lanes / 4;
    case DType::i32:
      return clocks * i32_lanes;
    case DType::i64:  // three products of halves, their sums and carries
      return clocks * i32_lanes * 0.24;
    default:
      return clocks * f32_lanes;
  }
}

std::vector<std::string> cpu_machine_names() { return names_of(cpu_machine_table()); }
std::vector<std::string> gpu_machine_names() { return names_of(gpu_machine_table()); }
std::optional<CpuMachine> find_cpu_machine(std::string_view name) {
  return find_in(cpu_machine_table(), name);
}
std::optional<GpuMachine> find_gpu_machine(std::string_view name) {
  return find_in(gpu_machine_table(), name);
}

std::string machine_file() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (std::getenv("FALTUNG_MACHINE_FILE") != nullptr) return variable("FALTUNG_MACHINE_FILE");
  if (const std::string config = variable("XDG_CONFIG_HOME"); !config.empty()) {
    return config + "/faltung/machine.txt";
  }
  const std::string home = variable("HOME");
  return home.empty() ? home : home + "/.config/faltung/machine.txt";
}

const CpuMachine& reference_cpu_machine() {
  static const CpuMachine& machine = row_of("avx512_server");
  return machine;
}

CpuMachine shipped_cpu_machine() { return with_own_caches(shipped()); }

const GpuMachine& reference_gpu_machine() {
  static const GpuMachine& machine =
      *std::ranges::find(gpu_machine_table(), "h200", &GpuMachine::name);
  return machine;
}

const CpuMachine& cpu_machine() {
  if (cpu_elsewhere != nullptr) return *cpu_elsewhere;
  static const CpuMachine machine = find_here();  // one that throws is tried again
  return machine;
}

CpuMachine machine_here() { return cpu_machine(); }

ScopedMachine::ScopedMachine(const CpuMachine& machine)
    : outer_cpu_(cpu_elsewhere), outer_gpu_(gpu_elsewhere) {
  cpu_elsewhere = &machine;
}
ScopedMachine::ScopedMachine(const GpuMachine& machine)
    : outer_cpu_(cpu_elsewhere), outer_gpu_(gpu_elsewhere) {
  gpu_elsewhere = &machine;
}
ScopedMachine::~ScopedMachine() {
  cpu_elsewhere = outer_cpu_;
  gpu_elsewhere = outer_gpu_;
}

const CpuMachine* cpu_machine_elsewhere() { return cpu_elsewhere; }
const GpuMachine* gpu_machine_elsewhere() { return gpu_elsewhere; }

}  // namespace faltung
