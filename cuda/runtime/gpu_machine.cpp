#include "cuda/runtime/gpu_machine.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

#include "cpp/core/machine.hpp"

namespace faltung::cuda {
namespace {

template <typename T>
bool ask(int index, cudaDeviceAttr attribute, T& value) {
  int answer = 0;
  if (cudaDeviceGetAttribute(&answer, attribute, index) != cudaSuccess) {
    (void)cudaGetLastError();
    return false;
  }
  value = static_cast<T>(answer);
  return true;
}

std::optional<GpuLimits> find_limits(int index) {
  GpuLimits limits;
  const bool known =
      ask(index, cudaDevAttrComputeCapabilityMajor, limits.major) &&
      ask(index, cudaDevAttrComputeCapabilityMinor, limits.minor) &&
      ask(index, cudaDevAttrMultiProcessorCount, limits.multiprocessors) &&
      ask(index, cudaDevAttrMaxSharedMemoryPerBlock, limits.shared_default) &&
      ask(index, cudaDevAttrMaxSharedMemoryPerBlockOptin, limits.max_shared) &&
      ask(index, cudaDevAttrMaxSharedMemoryPerMultiprocessor, limits.shared_of_multiprocessor) &&
      ask(index, cudaDevAttrReservedSharedMemoryPerBlock, limits.shared_reserved) &&
      ask(index, cudaDevAttrMaxRegistersPerBlock, limits.registers_of_block) &&
      ask(index, cudaDevAttrMaxRegistersPerMultiprocessor, limits.registers_of_multiprocessor) &&
      ask(index, cudaDevAttrMaxThreadsPerBlock, limits.threads_of_block) &&
      ask(index, cudaDevAttrMaxThreadsPerMultiProcessor, limits.threads_of_multiprocessor) &&
      ask(index, cudaDevAttrMaxBlocksPerMultiprocessor, limits.blocks_of_multiprocessor);
  return known ? std::optional(limits) : std::nullopt;
}

// Whether the driver's name of a device has these words: "NVIDIA H200" has "H200", "NVIDIA GH200
// 480GB" does not.
bool has_words(std::string_view name, std::string_view words) {
  const auto letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = name.find(words); at != name.npos; at = name.find(words, at + 1)) {
    const std::size_t end = at + words.size();
    if ((at == 0 || !letter(name[at - 1])) && (end == name.size() || !letter(name[end]))) {
      return true;
    }
  }
  return false;
}

// The row of the device's product, or of the nearest compute capability. Cards of one name differ
// by their multiprocessors: an RTX 4090 is none with another number of them.
const GpuMachine& nearest(std::string_view name, const GpuLimits& limits, bool& same) {
  const auto& table = gpu_machine_table();
  const auto product = std::ranges::find_if(table, [&](const GpuMachine& row) {
    return has_words(name, row.product) && row.limits.multiprocessors == limits.multiprocessors &&
           row.limits.major == limits.major;
  });
  same = product != table.end();
  if (same) return *product;
  const auto distance = [&](const GpuMachine& row) {
    return std::abs(10 * (row.limits.major - limits.major) + row.limits.minor - limits.minor);
  };
  return *std::ranges::min_element(table, {}, distance);
}

GpuMachine find_machine(int index, const GpuLimits& limits) {
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) (void)cudaGetLastError();
  const std::string_view name(properties.name);
  bool same = false;
  GpuMachine machine = nearest(name, limits, same);
  if (!same) {
    machine.name = name;
    machine.product = name;
  }
  double khz = 0, memory_khz = 0, bus_bits = 0;
  const double before = machine.limits.multiprocessors * machine.clock_mhz;
  if (!same && ask(index, cudaDevAttrClockRate, khz) && khz > 0) {
    machine.clock_mhz *= khz * 1e-3 / machine.sheet_clock_mhz;
    machine.sheet_clock_mhz = khz * 1e-3;
  }
  machine.l2_bytes_per_us *= limits.multiprocessors * machine.clock_mhz / before;
  // Cards of one product may have other memories, an A100 two. Two transfers a clock; what is
  // within a tenth of the data sheet's is the same.
  if (ask(index, cudaDevAttrMemoryClockRate, memory_khz) &&
      ask(index, cudaDevAttrGlobalMemoryBusWidth, bus_bits) && memory_khz * bus_bits > 0) {
    const double bytes = 2 * memory_khz * 1e-3 * bus_bits / 8;
    const double more = bytes / machine.sheet_memory_bytes_per_us;
    if (!same || std::abs(more - 1) > 0.1) {
      machine.copy_bytes_per_us *= more;
      machine.sheet_memory_bytes_per_us = bytes;
    }
  }
  ask(index, cudaDevAttrL2CacheSize, machine.l2_bytes);
  return machine;
}

}  // namespace

GpuLimits device_limits(int index) { return find_limits(index).value_or(GpuLimits{}); }

GpuMachine gpu_machine(int index) {
  if (const GpuMachine* elsewhere = gpu_machine_elsewhere()) return *elsewhere;
  const std::optional<GpuLimits> limits = find_limits(index);
  if (!limits) return reference_gpu_machine();
  // Names and clocks take longer to ask for than limits.
  static std::mutex mutex;
  static std::map<std::tuple<int, int, int, int>, GpuMachine> known;
  const std::lock_guard lock(mutex);
  const std::tuple key(index, limits->major, limits->minor, limits->multiprocessors);
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, find_machine(index, *limits)).first;
  GpuMachine machine = found->second;
  machine.limits = *limits;
  return machine;
}

}  // namespace faltung::cuda
