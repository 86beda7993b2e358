#include "cpp/core/machine.hpp"

// Where the figures come from. "Assumed" marks what no source gives; it is then that of the machine
// nearest to it that has one, or derived as said.
namespace faltung {
namespace {

constexpr std::int64_t kib = 1024;
constexpr std::int64_t mib = 1024 * kib;

// AMD EPYC 9004 (Zen 4), on which the constants of the CPU's policies were measured. Registers,
// caches: AMD, Software Optimization Guide for the Zen 4 Microarchitecture (57647). Clock: a chain
// of multiplications takes 3 cycles each at 3.7 GHz, the product page's highest boost. Products:
// the layers of bench/results/cpu/ours.json, 0.021 ns each in f32 (0.019 in large matrices, of
// which 16 a cycle are the peak). Speeds of L3 and memory: a loop y = a x + b over 8 and 128 MiB.
// Two threads are 1.71 times as fast as one in the median over the runs above a millisecond of the
// CPU suite, since they share the memory; waking one takes 5 to 20 us.
CpuMachine avx512_server() {
  constexpr double ghz = 3.7;
  return {.name = "avx512_server",
          .instruction_set = "avx512",
          .vector_bytes = 64,
          .clock_ghz = ghz,
          .products = {.f32 = 1 / (0.021 * ghz),
                       .f64 = 1 / (0.042 * ghz),
                       .c64 = 1 / (0.085 * ghz),
                       .c128 = 1 / (0.17 * ghz),
                       .i32 = 1 / (0.021 * ghz),
                       .pairs = 1 / (0.021 * ghz)},
          .l1d_bytes = 32 * kib,
          .l2_bytes = 1 * mib,
          .l3_bytes = 32 * mib,
          .l3_bytes_per_ns = 80,
          .copy_bytes_per_ns = 25,
          .thread_gain = 0.71,
          .thread_wake_us = 10};
}

// AMD Ryzen 7 5800U (Zen 3). Clock and caches: its product page, boost and 16 MiB of L3. Products:
// two multiply-adds of 32 bytes a cycle (AMD, Software Optimization Guide for Zen 3, 56665), as
// many as Zen 4 with 64 bytes, so as many products a cycle are assumed. L3 with the clock; memory
// and threads: assumed as above, and the memory has 51.2 bytes a nanosecond (two DDR4-3200).
CpuMachine avx2_laptop() {
  CpuMachine machine = avx512_server();
  machine.name = "avx2_laptop";
  machine.instruction_set = "avx2";
  machine.vector_bytes = 32;
  machine.l3_bytes_per_ns *= 4.4 / machine.clock_ghz;
  machine.clock_ghz = 4.4;
  machine.l2_bytes = 512 * kib;
  machine.l3_bytes = 16 * mib;
  return machine;
}

// AWS Graviton3 (Arm Neoverse V1), 2.6 GHz as AWS says, 64 KiB and 1 MiB of caches, 32 MiB shared.
// Products: four multiply-adds of 16 bytes a cycle, two for integers (Arm Neoverse V1 Software
// Optimization Guide, PJDOC-466751330-9685), at the part of the peak that Zen 4 reaches. L3 with
// the clock; memory and threads: assumed as above.
CpuMachine neon_server() {
  CpuMachine machine = avx512_server();
  machine.name = "neon_server";
  machine.instruction_set = "neon";
  machine.vector_bytes = 16;
  machine.l3_bytes_per_ns *= 2.6 / machine.clock_ghz;
  machine.clock_ghz = 2.6;
  machine.products.i32 /= 2;
  machine.products.pairs /= 2;
  machine.l1d_bytes = 64 * kib;
  return machine;
}

/// What a data sheet says.
struct Sheet {
  const char* name;
  const char* product;
  GpuLimits limits;
  double boost_mhz;
  double memory_gb_s;
  std::int64_t l2_bytes;
  double f32_lanes, f64_lanes, i32_lanes;
  double mma_products;
};

// Of an H200: what it reaches under load, and what its sheet says. 1755 MHz, 51 TFLOP/s in matrix
// products of f32 by 128 lanes, copies at 4.27 TB/s, and 3.4 us for an empty kernel are measured;
// twice the speed of our own copies from L2 and 0.6 us for a load are assumed, from Hopper's data
// sheets and from L1 misses under load.
constexpr double h200_mhz = 1755, h200_boost_mhz = 1980;
constexpr double h200_copy = 4.27e6, h200_sheet_copy = 4.8e6;
constexpr double h200_f32_use = 25.5e6 / (132 * 128 * h200_mhz);
constexpr double h200_l2 = 2 * (0.88 * h200_copy);

// The others are assumed to reach the same part of the clock and the bandwidth of their sheets, the
// same bytes from L2 for each multiprocessor and clock, and an H200's latencies.
GpuMachine machine_of(const Sheet& sheet) {
  const double mhz = sheet.boost_mhz * (h200_mhz / h200_boost_mhz);
  const double clocks = sheet.limits.multiprocessors * mhz;
  return {.name = sheet.name,
          .product = sheet.product,
          .limits = sheet.limits,
          .clock_mhz = mhz,
          .f32_lanes = sheet.f32_lanes,
          .f64_lanes = sheet.f64_lanes,
          .i32_lanes = sheet.i32_lanes,
          .f32_use = h200_f32_use,
          .mma_products = sheet.mma_products,
          .copy_bytes_per_us = sheet.memory_gb_s * 1e3 * (h200_copy / h200_sheet_copy),
          .l2_bytes_per_us = clocks / (132 * h200_mhz) * h200_l2,
          .l2_bytes = sheet.l2_bytes,
          .memory_latency_us = 0.6,
          .launch_us = 3.4,
          .sheet_clock_mhz = sheet.boost_mhz,
          .sheet_memory_bytes_per_us = sheet.memory_gb_s * 1e3};
}

// Of compute capability 8.6, 8.9 and 12.0: the 99 KiB GPUs.
constexpr GpuLimits small_gpu(int major, int minor, int multiprocessors, int blocks) {
  return {.major = major,
          .minor = minor,
          .multiprocessors = multiprocessors,
          .max_shared = 99 * kib,
          .shared_of_multiprocessor = 100 * kib,
          .threads_of_multiprocessor = 1536,
          .blocks_of_multiprocessor = blocks};
}

// Clocks, bandwidths, multiprocessors and L2 are from NVIDIA's data sheets and white papers: H200
// and H100 Tensor Core GPU Architecture, A100 Tensor Core GPU Architecture, L40S, GeForce RTX 4090
// (Ada), RTX Blackwell, GA102. Lanes of a clock: CUDA C++ Programming Guide, "Throughput of Native
// Arithmetic Instructions". Products of mma.sync: 1280 of 2048 were reached on Hopper (the rest
// needs wgmma); dense f16 with f32 sums of the white papers elsewhere, 312 TFLOP/s for an A100,
// 165.2 for an RTX 4090, 362 for an L40S, 209.5 for an RTX 5090, 71 for an RTX 3090. Of a B200,
// boost clock and lanes follow from 37 TFLOP/s of f64 and 75 of f32; mma.sync is assumed as Hopper.
constexpr Sheet sheets[] = {
    {"h200", "H200", {}, h200_boost_mhz, 4800, 60 * mib, 128, 64, 64, 1280},
    {"h100", "H100", {}, 1980, 3350, 50 * mib, 128, 64, 64, 1280},
    {"a100",
     "A100",
     {.major = 8,
      .minor = 0,
      .multiprocessors = 108,
      .max_shared = 163 * kib,
      .shared_of_multiprocessor = 164 * kib},
     1410,
     2039,
     40 * mib,
     64,
     32,
     64,
     1024},
    {"l40s", "L40S", small_gpu(8, 9, 142, 24), 2520, 864, 96 * mib, 128, 2, 64, 512},
    {"rtx_3090", "RTX 3090", small_gpu(8, 6, 82, 16), 1695, 936.2, 6 * mib, 128, 2, 64, 256},
    {"rtx_4090", "RTX 4090", small_gpu(8, 9, 128, 24), 2520, 1008, 72 * mib, 128, 2, 64, 256},
    {"rtx_5090", "RTX 5090", small_gpu(12, 0, 170, 24), 2407, 1792, 96 * mib, 128, 2, 128, 256},
    {"b200",
     "B200",
     {.major = 10, .minor = 0, .multiprocessors = 148},
     1965,
     8000,
     126 * mib,
     128,
     64,
     64,
     1280},
};

}  // namespace

const std::vector<CpuMachine>& cpu_machine_table() {
  static const std::vector<CpuMachine> table = {avx512_server(), avx2_laptop(), neon_server()};
  return table;
}

const std::vector<GpuMachine>& gpu_machine_table() {
  static const std::vector<GpuMachine> table = [] {
    std::vector<GpuMachine> machines;
    for (const Sheet& sheet : sheets) machines.push_back(machine_of(sheet));
    return machines;
  }();
  return table;
}

}  // namespace faltung
