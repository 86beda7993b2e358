#include "tests/emulator/kernel_resources.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/toolkit/cuda_runtime.h"

namespace faltung::emulator {
namespace {

/// By mangled name, which is the same here and on a GPU.
const std::map<std::string, KernelResources>& table() {
  static const auto read = [] {
    std::map<std::string, KernelResources> entries;
    std::ifstream file(FALTUNG_KERNEL_RESOURCES);
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with('#')) continue;
      std::istringstream words(line);
      KernelResources resources;
      std::string name;
      if (!(words >> resources.registers >> resources.max_threads >> name)) {
        throw std::runtime_error(FALTUNG_KERNEL_RESOURCES " has a line that is none: " + line);
      }
      entries[name] = resources;
    }
    if (entries.empty()) throw std::runtime_error("cannot read " FALTUNG_KERNEL_RESOURCES);
    return entries;
  }();
  return read;
}

/// What was found or said by address.
std::map<const void*, KernelResources>& known() {
  static std::map<const void*, KernelResources> map;
  return map;
}

std::set<std::string>& unknown() {
  static std::set<std::string> names;
  return names;
}

/// By kernel and device: the most dynamic shared memory it was granted; present if it is loaded.
std::map<std::pair<const void*, int>, std::int64_t>& grants() {
  static std::map<std::pair<const void*, int>, std::int64_t> map;
  return map;
}
std::map<const void*, std::size_t>& static_bytes() {
  static std::map<const void*, std::size_t> map;
  return map;
}

/// ptxas pads the static part to the alignment of the dynamic one, which is that of SharedMemory.
std::int64_t padded(std::size_t bytes) {
  return static_cast<std::int64_t>((bytes + 127) / 128 * 128);
}

}  // namespace

KernelResources resources_of(const void* kernel) {
  const auto [entry, is_new] = known().try_emplace(kernel);
  Dl_info info{};
  // Programs export their functions, so that they have names (see CMakeLists.txt).
  if (is_new && dladdr(kernel, &info) != 0 && info.dli_sname != nullptr &&
      info.dli_saddr == kernel) {
    const auto found = table().find(info.dli_sname);
    if (found != table().end()) entry->second = found->second;
  }
  return entry->second;
}

void set_resources(const void* kernel, const KernelResources& resources) {
  known()[kernel] = resources;
}

int block_registers(int registers, int threads) {
  const int of_a_warp = (32 * registers + 255) / 256 * 256;
  return (threads + 31) / 32 * of_a_warp;
}

int max_threads(const void* kernel) {
  const KernelResources resources = resources_of(kernel);
  int threads = std::min(resources.max_threads, machine.limits.threads_of_block);
  while (block_registers(resources.registers, threads) > machine.limits.registers_of_block) {
    threads -= 32;
  }
  return threads;
}

const std::set<std::string>& unknown_kernels() { return unknown(); }

void check_registers(const LaunchSpec& spec) {
  if (resources_of(spec.function).registers == 0) unknown().insert(spec.kernel);
  const int threads = static_cast<int>(spec.block.x * spec.block.y * spec.block.z);
  const int max = max_threads(spec.function);
  if (threads <= max) return;
  const KernelResources resources = resources_of(spec.function);
  fail(Check::registers_exceeded,
       "a block of " + std::to_string(threads) + " threads; " +
           std::to_string(resources.registers) + " registers of each and launch bounds of " +
           std::to_string(resources.max_threads) + " allow " + std::to_string(max));
}

bool is_loaded(const void* kernel) { return grants().contains({kernel, machine.current}); }

void check_shared(const LaunchSpec& spec, std::size_t own) {
  if (spec.shared_bytes == 0 && static_cast<std::int64_t>(own) <= machine.limits.shared_default) {
    return;
  }
  const std::int64_t fixed = spec.shared_bytes == 0 ? static_cast<std::int64_t>(own) : padded(own);
  const auto dynamic = static_cast<std::int64_t>(spec.shared_bytes);
  const std::string takes = "dynamic and static shared memory together take " +
                            std::to_string(dynamic) + " + " + std::to_string(fixed) + " bytes, ";
  if (dynamic + fixed > machine.limits.max_shared) {
    fail(Check::shared_memory_exceeded,
         takes + "a block has " + std::to_string(machine.limits.max_shared));
  }
  const auto granted = grants().find({spec.function, machine.current});
  const std::int64_t max = granted == grants().end() ? 0 : granted->second;
  if (dynamic + fixed > machine.limits.shared_default && dynamic > max) {
    fail(Check::shared_memory_not_requested,
         takes + "more than " + std::to_string(machine.limits.shared_default) +
             ", and the kernel was given " + std::to_string(max) + " of dynamic memory");
  }
}

std::size_t static_shared_bytes(const void* function) {
  const auto found = static_bytes().find(function);
  return found == static_bytes().end() ? 0 : found->second;
}

void note_static_shared(const LaunchSpec& spec, std::size_t bytes) {
  std::size_t& known = static_bytes()[spec.function];
  if (bytes <= known) return;
  known = bytes;
  check_shared(spec, bytes);
}

}  // namespace faltung::emulator

namespace emulator = faltung::emulator;

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  const auto turn = emulator::take_turn();
  emulator::forbid_in_capture("cudaFuncGetAttributes");
  const auto fixed =
      static_cast<std::size_t>(emulator::padded(emulator::static_shared_bytes(kernel)));
  auto& grants = emulator::grants();
  const auto [grant, is_new] = grants.try_emplace(
      {kernel, emulator::machine.current},
      emulator::machine.limits.shared_default - static_cast<std::int64_t>(fixed));
  *attributes = {.sharedSizeBytes = fixed,
                 .maxThreadsPerBlock = emulator::max_threads(kernel),
                 .numRegs = emulator::resources_of(kernel).registers,
                 .maxDynamicSharedSizeBytes = static_cast<int>(grant->second)};
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int value) {
  const auto turn = emulator::take_turn();
  emulator::forbid_in_capture("cudaFuncSetAttribute");
  const std::int64_t fixed = emulator::padded(emulator::static_shared_bytes(kernel));
  if (value < 0 || value + fixed > emulator::machine.limits.max_shared) {
    return emulator::answer(cudaErrorInvalidValue);
  }
  emulator::grants()[{kernel, emulator::machine.current}] = value;
  return emulator::answer(cudaSuccess);
}
