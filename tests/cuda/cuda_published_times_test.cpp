#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "cpp/core/machine.hpp"
#include "cuda/runtime/kernel_costs.hpp"

// Whether the model says what others have measured. gpu-stream of
// https://github.com/RRZE-HPC/gpu-benches (commit 1038c5d, files gpu-stream/*.txt; E. Ernst et al.,
// doi 10.1016/j.jpdc.2022.11.003) streams 2^28 doubles, one to a thread, by blocks of which two are
// resident on a multiprocessor, and prints GB/s. Kernels that compute the same were written here,
// compiled for sm_90a and read by scripts/machine_code. bench/results/model-check.md shows all.
namespace faltung::cuda {
namespace {

constexpr KernelCost costs[] = {
    {"scale",
     "DFMA",
     12,
     0,
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {19, 6, 1, 1, 0, 4, 120, 116, 1}},
    {"triad",
     "DFMA",
     16,
     0,
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {23, 10, 1, 1, 0, 8, 147, 132, 1}},
    {"3pt",
     "DFMA",
     16,
     0,
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {22, 6, 3, 2, 0, 8, 125, 120, 1}},
    {"5pt",
     "DFMA",
     18,
     0,
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {},
     {27, 6, 5, 2, 0, 12, 163, 146, 1}},
};
constexpr double streams[] = {2, 4, 2, 2};  // of each kernel, 8 bytes an element

// A shipped record with what the data sheet of another model of it says.
GpuMachine machine(const std::string& name, int multiprocessors, double gb_s) {
  GpuMachine gpu = *find_gpu_machine(name);
  gpu.limits.multiprocessors = multiprocessors;
  gpu.copy_bytes_per_us *= gb_s * 1e3 / gpu.sheet_memory_bytes_per_us;
  gpu.l2_bytes_per_us *= multiprocessors / find_gpu_machine(name)->multiprocessors();
  return gpu;
}

// GB/s of a kernel, blocks of so many threads, two to a multiprocessor.
double predicted(const GpuMachine& gpu, int kernel, int threads) {
  constexpr double elements = 268435456;
  KernelRun run;
  run.cost = &costs[kernel];
  run.threads = threads;
  run.blocks = static_cast<std::int64_t>(std::ceil(elements / threads));
  run.dynamic_shared = gpu.limits.shared_of_multiprocessor / 2 - gpu.limits.shared_reserved;
  run.turns.once = threads / 32.0;
  run.bytes = run.l2_bytes = 8 * streams[kernel] * elements;
  EXPECT_EQ(resident_blocks(gpu.limits, run), 2);
  return run.bytes / predict(gpu, run).us * 1e-3;
}

struct Measured {
  GpuMachine gpu;
  int threads;
  double gb_s[4];  // scale, triad, 3pt, 5pt
};

// Predicted against measured; prints a row of the page.
double share_of(const Measured& row, int kernel) {
  const double gb_s = predicted(row.gpu, kernel, row.threads);
  const double share = gb_s / row.gb_s[kernel];
  std::printf("| %s, %.0f multiprocessors | %d | %s | %.0f | %.0f | %.2f |\n", row.gpu.name.c_str(),
              row.gpu.multiprocessors(), row.threads, std::string(costs[kernel].name).c_str(),
              row.gb_s[kernel], gb_s, share);
  return share;
}

// All threads that there is room for: the memory binds, and the model is at most a fifth low. Its
// part of the data sheet's bandwidth, 0.78, is that of 67 MB read and written on an H200 with the
// launch around it; 4 GB take 0.78 to 0.96 of it, most on GDDR6 and where three of four streams are
// read.
TEST(PublishedTimes, StreamsAndStencilsThatFillTheMultiprocessors) {
  const Measured rows[] = {
      {machine("a100", 108, 2039), 1024, {1737, 1794, 1702, 1686}},
      {machine("a100", 108, 1555), 1024, {1382, 1358, 1371, 1368}},
      {machine("h100", 114, 2039), 1024, {1704, 1832, 1686, 1683}},
      {machine("h100", 132, 4000), 1024, {3174, 3783, 3138, 3120}},
      {machine("l40s", 142, 864), 768, {776, 830, 768, 766}},
  };
  int within = 0;
  for (const Measured& row : rows) {
    for (int kernel = 0; kernel < 4; ++kernel) {
      const double share = share_of(row, kernel);
      SCOPED_TRACE(row.gpu.name + ' ' + std::string(costs[kernel].name));
      EXPECT_GE(share, 0.81);
      EXPECT_LE(share, 1.02);
      within += share >= 0.85 ? 1 : 0;
    }
  }
  EXPECT_EQ(within, 18) << "of 20 within 15 %";
}

// Few threads: the model is high, by up to 4. It lets loads of one wave overlap with what the wave
// before moves, and a block that has ended with one that begins; with one element to a thread there
// is nothing to overlap, and each wave takes its latency and then its bytes. Kernels here walk
// through many tiles a block, their copies ahead; where a block has a single tile this is missing.
TEST(PublishedTimes, WavesOfFewThreadsTakeLongerThanTheModelSays) {
  const GpuMachine gh200 = machine("h100", 132, 4000), a100 = machine("a100", 108, 2039);
  const Measured rows[] = {
      {gh200, 512, {2269, 3338, 2190, 2154}}, {gh200, 256, {1397, 2367, 1340, 1320}},
      {gh200, 128, {854, 1408, 783, 771}},    {a100, 512, {1577, 1697, 1516, 1491}},
      {a100, 256, {1025, 1571, 961, 936}},    {a100, 128, {579, 993, 527, 518}},
  };
  double most = 0;
  for (const Measured& row : rows) {
    for (int kernel = 0; kernel < 4; ++kernel) {
      const double share = share_of(row, kernel);
      SCOPED_TRACE(row.gpu.name + ' ' + std::string(costs[kernel].name) + ' ' +
                   std::to_string(row.threads));
      EXPECT_GE(share, 0.81);
      most = std::max(most, share);
    }
  }
  EXPECT_LE(most, 4.1);
  EXPECT_GE(most, 3.5) << "it has become better: say so in the page";
}

}  // namespace
}  // namespace faltung::cuda
