#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include <faltung/problem.hpp>
#include "cpp/core/machine.hpp"
#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/direct_lowering.hpp"
#include "cuda/direct/direct_runs.hpp"

// What every kernel of cuda.direct is predicted to take, and why, as a table:
//
//     kernel_predictions FILE [MACHINE]
//
// One row for each problem of FILE that the engine takes. Instructions are millions of warps'.
namespace faltung::cuda::direct {
namespace {

void print_row(const Problem& p, const GpuMachine& gpu) {
  const Geometry g = lower(p);
  const Choice choice = choose(p, g, true, gpu);
  const DType input = p.pass == Pass::forward ? p.input : p.output;
  const auto run_with = [&](const auto& t) {
    return run_of(g, t, p.accumulator, input, p.bytes());
  };
  const KernelRun run = std::visit(run_with, choice.tiling);
  const Prediction found = predict(gpu, run);
  const double limit = p.bytes() / gpu.copy_bytes_per_us;
  const PartCost& all = found.executed;
  std::printf(
      "| `%.*s` | %.1f | %.1f | %.*s | %.0f | %d | %.2f | %.1f | %.1f | %.1f | %.1f | %.1f |\n",
      static_cast<int>(run.cost->name.size()), run.cost->name.data(), limit, found.us,
      static_cast<int>(to_string(found.bound).size()), to_string(found.bound).data(),
      100 * found.share, found.resident, found.waves, all.issued * 1e-6, all.fma * 1e-6,
      all.alu * 1e-6, all.xu * 1e-6, all.wavefronts * 1e-6);
}

int print_table(std::istream& file, const GpuMachine& gpu) {
  std::puts(
      "| problem | kernel | memory limit us | predicted us | bound by | share % | blocks of a "
      "multiprocessor | waves | issued | FMA pipe | integer pipe | special | wavefronts |");
  std::puts("|---|---|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|");
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find('#'));
    line.erase(line.find_last_not_of(' ') + 1);
    if (!line.starts_with("op=")) continue;
    const Problem p = Problem::parse(line);
    if (!refusal(p).empty()) continue;
    std::printf("| `%s` ", line.c_str());
    print_row(p, gpu);
  }
  return 0;
}

int main_of(int count, char** arguments) {
  std::ifstream file(count > 1 ? arguments[1] : "");
  const auto gpu = find_gpu_machine(count > 2 ? arguments[2] : "h200");
  if (count > 3 || !file || !gpu) {
    std::cerr
        << "usage: kernel_predictions FILE [MACHINE], a file of problems and a shipped machine\n";
    return 2;
  }
  return print_table(file, *gpu);
}

}  // namespace
}  // namespace faltung::cuda::direct

int main(int count, char** arguments) { return faltung::cuda::direct::main_of(count, arguments); }
