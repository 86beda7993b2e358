#include "cuda/runtime/kernel_costs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "cpp/core/message.hpp"
#include "cuda/runtime/gpu_pipes.hpp"

namespace faltung::cuda {
namespace {

// In the order of their names.
constexpr KernelCost table[] = {
#include "cuda/runtime/kernel_costs.inc"
};
static_assert(std::ranges::is_sorted(table, {}, &KernelCost::name));

constexpr double PartCost::*resources[] = {&PartCost::issued, &PartCost::fma,
                                           &PartCost::f64,    &PartCost::alu,
                                           &PartCost::xu,     &PartCost::wavefronts};

void add(PartCost& sum, const PartCost& part, double turns, double latency) {
  for (const auto resource : resources) sum.*resource += turns * part.*resource;
  sum.clocks += turns * std::max(part.clocks, part.covered + part.waits * latency);
}

// Clocks until data that a launch streams arrive: where they are read again, L2 has them, or L1.
double stream_latency(const KernelRun& run) {
  constexpr GpuLatency latency;
  const double missed = run.l2_bytes > run.bytes ? run.bytes / run.l2_bytes : 1;
  const double beyond_l1 = latency.l2 + missed * (latency.memory - latency.l2);
  const double past = run.loaded_bytes > run.l2_bytes ? run.l2_bytes / run.loaded_bytes : 1;
  return latency.l1 + past * (beyond_l1 - latency.l1);
}

// Of all warps of a block; `clocks` as if they ran one after the other.
PartCost work_of(const KernelRun& run) {
  const KernelCost& cost = *run.cost;
  const Turns& turns = run.turns;
  const double stream = stream_latency(run);
  // What is not streamed are taps: 32 neighbours come together.
  constexpr double taps = (GpuLatency{}.l2 + 31 * GpuLatency{}.l1) / 32;
  PartCost sum;
  add(sum, cost.sums, turns.sums, stream);
  add(sum, cost.other_sums, turns.other_sums, stream);
  add(sum, cost.taps, turns.taps, taps);
  add(sum, cost.copy, turns.copy, stream);
  add(sum, cost.move, turns.move, stream);
  add(sum, cost.frame, turns.frame, stream);
  add(sum, cost.finish, turns.finish, taps);
  add(sum, cost.store, turns.store, taps);
  add(sum, cost.load, turns.load, taps);
  add(sum, cost.around, turns.around, taps);
  add(sum, cost.outer, turns.outer, taps);
  add(sum, cost.outermost, turns.outermost, taps);
  add(sum, cost.beyond, turns.beyond, taps);
  add(sum, cost.once, turns.once, taps);
  sum.issued += run.other;
  sum.clocks += run.other;
  return sum;
}

// Microseconds of so many blocks on the busiest multiprocessor and `part` of all blocks, by Bound.
using Times = std::array<double, 10>;

Times wave(const GpuMachine& gpu, const KernelRun& run, const PartCost& work, double blocks,
           double part, double serial) {
  constexpr GpuPipes pipes;
  const auto lanes = [&](double instructions, double of_clock) {
    return blocks * instructions * 32 / of_clock / gpu.clock_mhz;
  };
  return {lanes(work.issued, 32 * pipes.schedulers),
          lanes(work.fma, gpu.f32_lanes),
          lanes(work.f64, gpu.f64_lanes),
          lanes(work.alu, pipes.alu_lanes),
          lanes(work.xu, pipes.xu_lanes),
          lanes(work.wavefronts, 32 * pipes.wavefronts),
          blocks * run.mma * run.mma_products / gpu.mma_products / gpu.clock_mhz,
          part * run.l2_bytes / gpu.l2_bytes_per_us,
          part * run.bytes / gpu.moved_bytes_per_us(),
          serial};
}

}  // namespace

std::string_view kernel_type(DType type) {
  switch (type) {
    case DType::f32:
      return "float";
    case DType::f64:
      return "double";
    case DType::f16:
      return "Half";
    case DType::bf16:
      return "BFloat16";
    case DType::c64:
      return "Complex<float>";
    case DType::c128:
      return "Complex<double>";
    // Kernels wrap, so that signed numbers run as unsigned ones.
    case DType::i8:
    case DType::u8:
      return "unsigned char";
    case DType::i16:
    case DType::u16:
      return "unsigned short";
    case DType::i32:
    case DType::u32:
      return "unsigned int";
    case DType::i64:
    case DType::u64:
      return "unsigned long";
  }
  throw std::logic_error("a type without a name");
}

std::string kernel_name(std::string_view kernel,
                        std::initializer_list<std::string_view> arguments) {
  std::string name(kernel);
  const char* before = "<";
  for (const std::string_view argument : arguments) {
    name.append(before).append(argument);
    before = ", ";
  }
  return name + (name.back() == '>' ? " >" : ">");
}

const KernelCost& kernel_cost(std::string_view name) {
  const auto row = std::ranges::lower_bound(table, name, {}, &KernelCost::name);
  if (row == std::end(table) || row->name != name) {
    throw std::logic_error(message("cuda/runtime/kernel_costs.inc has no row for ", name,
                                   "; write it anew with scripts/kernel-report --costs"));
  }
  return *row;
}

std::string_view to_string(Bound bound) {
  constexpr std::string_view names[] = {"issue slots", "FMA pipe",   "f64 pipe",     "integer pipe",
                                        "special",     "wavefronts", "tensor cores", "L2",
                                        "memory",      "latency"};
  return names[static_cast<int>(bound)];
}

int resident_blocks(const GpuLimits& limits, const KernelRun& run) {
  const auto up = [](std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; };
  const std::int64_t warps = (run.threads + 31) / 32;
  const std::int64_t registers = warps * up(32 * run.cost->registers, register_unit);
  const std::int64_t shared =
      up(run.dynamic_shared + run.cost->shared, shared_unit) + limits.shared_reserved;
  const std::int64_t blocks =
      std::min({limits.registers_of_multiprocessor / std::max<std::int64_t>(registers, 1),
                limits.shared_of_multiprocessor / shared,
                std::int64_t{limits.threads_of_multiprocessor} / (32 * warps),
                std::int64_t{limits.blocks_of_multiprocessor}});
  return static_cast<int>(std::max<std::int64_t>(blocks, 1));
}

Prediction predict(const GpuMachine& gpu, const KernelRun& run) {
  const double warps = std::ceil(run.threads / 32.0);
  const PartCost work = work_of(run);
  const double serial = (work.clocks / warps + run.latencies * stream_latency(run)) / gpu.clock_mhz;
  Prediction prediction;
  prediction.resident = resident_blocks(gpu.limits, run);
  const double blocks = std::max<double>(1, static_cast<double>(run.blocks));
  const double of_wave = prediction.resident * gpu.multiprocessors();
  prediction.waves = blocks / of_wave;
  const double full = std::floor(prediction.waves);
  const double left = blocks - full * of_wave;
  const auto cost = [&](double on_one, double part) {
    return wave(gpu, run, work, on_one, part, serial);
  };
  const Times whole = cost(prediction.resident, of_wave / blocks);
  const Times last = cost(std::ceil(left / gpu.multiprocessors()), left / blocks);
  const Times& bound = full > 0 ? whole : last;
  const auto most = std::ranges::max_element(bound);
  prediction.bound = static_cast<Bound>(most - bound.begin());
  const double busy = full * std::ranges::max(whole) + (left > 0 ? std::ranges::max(last) : 0);
  prediction.us = gpu.launch_us + busy;
  prediction.share = (full * *most + (left > 0 && full > 0 ? last[most - bound.begin()]
                                      : full > 0           ? 0
                                                           : *most)) /
                     prediction.us;
  for (const auto resource : resources) prediction.executed.*resource = work.*resource * blocks;
  return prediction;
}

}  // namespace faltung::cuda
