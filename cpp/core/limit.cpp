#include <algorithm>
#include <optional>
#include <string>

#include <faltung/device.hpp>
#include <faltung/error.hpp>
#include <faltung/machine.hpp>
#include <faltung/measure.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"

namespace faltung {
namespace {

// Of families that sum in transforms or take filters apart.
bool forms_fewer_products(const Candidate& way) {
  const std::string family = way.engine.substr(way.engine.find('.') + 1);
  return family == "fft" || family == "separable" || way.way == "separable";
}

bool is_narrow(DType type) { return size_of(type) <= 2; }

// How fast all threads are together beside one.
double threads_gain(const CpuMachine& machine) { return 1 + machine.thread_gain * (threads() - 1); }

double memory_us(const Problem& p, const CpuMachine& machine) {
  const double bytes = p.bytes();
  if (bytes <= static_cast<double>(machine.l2_bytes)) return 0;
  const bool cached = bytes <= static_cast<double>(machine.l3_bytes);
  const double rate = cached ? machine.l3_bytes_per_ns : machine.copy_bytes_per_ns;
  return 1e-3 * bytes / (rate * threads_gain(machine));
}

// Instructions for narrow operands form two products in a lane.
double products_us(const Problem& p, const CpuMachine& machine) {
  const bool narrow = is_narrow(p.input) && is_narrow(p.filter);
  const double ns = machine.product_ns(p.accumulator) / (narrow ? 2 : 1);
  return 1e-3 * p.multiply_adds() * ns / threads_gain(machine);
}

double memory_us(const Problem& p, const GpuMachine& machine) {
  const bool cached = p.bytes() <= static_cast<double>(machine.l2_bytes);
  return p.bytes() / (cached ? machine.l2_bytes_per_us : machine.copy_bytes_per_us);
}

// Operands of 16 bits go to units for products of matrices.
double products_us(const Problem& p, const GpuMachine& machine) {
  const bool narrow = is_narrow(p.input) && is_narrow(p.filter);
  const double units = machine.multiprocessors() * machine.clock_mhz * machine.mma_products;
  const double lanes = machine.products_per_us(p.accumulator);
  return p.multiply_adds() / (narrow || p.math == Math::fast ? std::max(units, lanes) : lanes);
}

template <typename Machine>
double limit_of(const Problem& p, const Machine& machine, const Candidate& way) {
  return std::max(memory_us(p, machine), forms_fewer_products(way) ? 0 : products_us(p, machine));
}

// By the words of its name; a GPU that no record is of has no limit.
const GpuMachine* record_of(const Device& device) {
  for (const DeviceInfo& info : devices()) {
    if (info.device != device) continue;
    for (const GpuMachine& machine : gpu_machine_table()) {
      if (info.name.find(machine.product) != std::string::npos) return &machine;
    }
  }
  return nullptr;
}

}  // namespace

double limit_us(const Problem& problem, const Device& device, const Candidate& way) {
  if (device.kind == DeviceKind::cpu) return limit_of(problem, cpu_machine(), way);
  const GpuMachine* const machine = record_of(device);
  return machine == nullptr ? 0 : limit_of(problem, *machine, way);
}

double limit_us(const Problem& problem, std::string_view machine, const Candidate& way) {
  if (const auto cpu = find_cpu_machine(machine)) return limit_of(problem, *cpu, way);
  if (const auto gpu = find_gpu_machine(machine)) return limit_of(problem, *gpu, way);
  throw InvalidProblem(message("machine '", machine, "' is not known"));
}

}  // namespace faltung
