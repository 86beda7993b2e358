#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>

#include <faltung/problem.hpp>
#include "cpp/core/machine.hpp"
#include "cuda/depthwise/depthwise_engine.hpp"
#include "cuda/depthwise/depthwise_lowering.hpp"
#include "cuda/depthwise/depthwise_runs.hpp"
#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/direct_engine.hpp"
#include "cuda/direct/direct_lowering.hpp"
#include "cuda/direct/direct_runs.hpp"
#include "cuda/separable/separable_engine.hpp"
#include "cuda/separable/separable_lowering.hpp"
#include "cuda/separable/separable_runs.hpp"

// What every kernel of cuda.direct, cuda.separable and cuda.depthwise is predicted to take, and
// why, as a table:
//
//     kernel_predictions FILE [MACHINE]
//
// One row for each problem of FILE that one of them takes; of several the fastest. The time is the
// engine's estimate, with what comes beside its main kernel. Instructions are millions of warps'.
namespace faltung::cuda {
namespace {

DType x_type(const Problem& p) { return p.pass == Pass::forward ? p.input : p.output; }

KernelRun direct_run(const Problem& p, const GpuMachine& gpu) {
  const direct::Geometry g = direct::lower(p);
  const auto run = [&](const auto& t) {
    return direct::run_of(g, t, p.accumulator, x_type(p), p.bytes());
  };
  return std::visit(run, direct::choose(p, g, true, gpu).tiling);
}

KernelRun depthwise_run(const Problem& p, const GpuMachine& gpu) {
  return depthwise::run_of(p, depthwise::lower(p), gpu.limits);
}

KernelRun separable_run(const Problem& p, const GpuMachine& gpu) {
  const separable::Geometry g = separable::lower(p);
  const auto bytes = static_cast<int>(size_of(p.accumulator));
  const bool plain = p.epilogue == Epilogue{} && p.result_dtype() == p.accumulator;
  const separable::Elements elements{p.accumulator, size_of(x_type(p)), size_of(p.result_dtype()),
                                     plain ? separable::Finish::plain : separable::Finish::narrow};
  return separable::is_volume(p)
             ? separable::run_of(g, separable::choose_tiles(g, bytes, plain, gpu.limits), elements)
             : separable::run_of(g, separable::choose_strips(g, bytes, gpu.limits), elements);
}

struct Family {
  const Engine& engine;
  KernelRun (*run)(const Problem&, const GpuMachine&);
};

// Nothing if no family takes it.
void print_row(const std::string& line, const GpuMachine& gpu) {
  const ScopedMachine scope(gpu);
  const Problem p = Problem::parse(line);
  const Family families[] = {{direct_engine(), direct_run},
                             {separable_engine(), separable_run},
                             {depthwise_engine(), depthwise_run}};
  const Family* best = nullptr;
  double us = std::numeric_limits<double>::infinity();
  for (const Family& family : families) {
    const Offer offer = family.engine.offer(p, Device::cuda(0));
    if (!offer || offer.estimate_us >= us) continue;
    us = offer.estimate_us;
    best = &family;
  }
  if (best == nullptr) return;
  const double limit = p.bytes() / gpu.copy_bytes_per_us;
  const KernelRun run = best->run(p, gpu);
  if (run.cost == nullptr) {
    std::printf("| `%s` | %s | %.1f | %.1f | | | | | | | | | |\n", line.c_str(),
                std::string(best->engine.name()).c_str(), limit, us);
    return;
  }
  const Prediction found = predict(gpu, run);
  const PartCost& all = found.executed;
  std::printf(
      "| `%s` | `%.*s` | %.1f | %.1f | %.*s | %.0f | %d | %.2f | %.1f | %.1f | %.1f | %.1f | %.1f "
      "|\n",
      line.c_str(), static_cast<int>(run.cost->name.size()), run.cost->name.data(), limit, us,
      static_cast<int>(to_string(found.bound).size()), to_string(found.bound).data(),
      100 * found.share, found.resident, found.waves, all.issued * 1e-6, all.fma * 1e-6,
      all.alu * 1e-6, all.xu * 1e-6, all.wavefronts * 1e-6);
}

void print_table(std::istream& file, const GpuMachine& gpu) {
  std::puts(
      "| problem | kernel | memory limit us | predicted us | bound by | share % | blocks of a "
      "multiprocessor | waves | issued | FMA pipe | integer pipe | special | wavefronts |");
  std::puts("|---|---|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|");
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find('#'));
    line.erase(line.find_last_not_of(' ') + 1);
    if (line.starts_with("op=")) print_row(line, gpu);
  }
}

int main_of(int count, char** arguments) {
  std::ifstream file(count > 1 ? arguments[1] : "");
  const auto gpu = find_gpu_machine(count > 2 ? arguments[2] : "h200");
  if (count > 3 || !file || !gpu) {
    std::cerr
        << "usage: kernel_predictions FILE [MACHINE], a file of problems and a shipped machine\n";
    return 2;
  }
  print_table(file, *gpu);
  return 0;
}

}  // namespace
}  // namespace faltung::cuda

int main(int count, char** arguments) { return faltung::cuda::main_of(count, arguments); }
