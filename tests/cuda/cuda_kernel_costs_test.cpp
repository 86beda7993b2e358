#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/direct_runs.hpp"
#include "tests/cuda/direct_support.hpp"

// Estimates count how often the parts of a kernel run; the emulator runs it and counts, too.
namespace faltung::cuda::direct {
namespace {

struct Counted {
  KernelRun run;
  emulator::Counters counters;
};

Counted count(const std::string& line) {
  const Problem p = Problem::parse(line);
  const Geometry g = lower(p);
  const Choice choice = choose(p, g, true);
  const emulator::Recorder recorder;
  (void)test::run_guarded(device(), direct_engine(), p,
                          test::filled_operands(p, test::Fill::small_integers, 1));
  const DType input = p.pass == Pass::forward ? p.input : p.output;
  const auto run = [&](const auto& t) { return run_of(g, t, p.accumulator, input, p.bytes()); };
  return {std::visit(run, choice.tiling), recorder.reports().at(0).counters};
}

// Multiply-adds of all lanes, and of tiles that none is a part of.
TEST(KernelCosts, SumsAreThoseThatTheEmulatorCounts) {
  for (const char* line :
       {"op=filter dtype=f32 in=64x256 f=3x3 boundary=reflect",
        "op=filter dtype=f32 in=64x256 f=7x7 boundary=reflect",
        "op=filter dtype=f64 in=64x256 f=5x5 boundary=reflect",
        "op=filter dtype=u16 in=64x256 f=5x5 boundary=reflect",
        "op=filter dtype=f32 b=4 in=3584 f=32 boundary=reflect",
        "op=signal dtype=c64 b=4 in=1792 f=32", "op=signal dtype=f64 b=4 in=1792 f=32",
        "op=filter dtype=f32 in=16x16x256 f=3x3x3 boundary=reflect",
        "op=filter dtype=f32 in=24x32x128 f=5x5x5 boundary=reflect",
        "op=filter dtype=f32 in=72x384 f=15x15 boundary=reflect",
        "op=fwd dtype=f32 n=1 c=3 in=32x128 k=2 f=3x3 pad=1"}) {
    SCOPED_TRACE(line);
    const auto [run, counters] = count(line);
    EXPECT_EQ(run.turns.sums * static_cast<double>(run.blocks) * 32,
              static_cast<double>(counters.multiply_adds))
        << run.cost->name;
  }
}

TEST(KernelCosts, MatrixInstructionsAreThoseThatTheEmulatorCounts) {
  for (const char* line : {"op=filter dtype=u8 in=128x1008 f=5x5 boundary=reflect",
                           "op=filter dtype=u8 in=128x1008 f=11x11 boundary=reflect",
                           "op=filter dtype=u8 in=128x1008 f=7x7 boundary=reflect",
                           "op=filter dtype=f16 in=128x1008 f=9x9 boundary=reflect"}) {
    SCOPED_TRACE(line);
    const auto [run, counters] = count(line);
    EXPECT_EQ(run.mma * static_cast<double>(run.blocks),
              static_cast<double>(counters.tensor_instructions));
  }
}

// The barriers of a loop count its turns.
TEST(KernelCosts, TurnsAreThoseThatTheEmulatorCounts) {
  struct Loop {
    const char* line;
    double Turns::*turns;
    double barriers;  // in a turn
    double before;    // of a tile, or of a block where tiles have no loop of their own
  };
  const Loop loops[] = {
      {"op=signal dtype=f32 b=4 in=3584 f=32", &Turns::around, 2, 2},
      {"op=filter dtype=f32 in=16x16x256 f=3x3x3 boundary=reflect", &Turns::around, 1, 2},
      {"op=filter dtype=f32 in=72x384 f=15x15 boundary=reflect", &Turns::around, 2, 1},
      {"op=filter dtype=u8 in=128x1008 f=5x5 boundary=reflect", &Turns::around, 2, 3},
      {"op=fwd dtype=f32 n=1 c=3 in=32x128 k=2 f=3x3 pad=1", &Turns::outer, 2, 2},
  };
  for (const Loop& loop : loops) {
    SCOPED_TRACE(loop.line);
    const auto [run, counters] = count(loop.line);
    const double turns = std::ceil(run.turns.*loop.turns / std::ceil(run.threads / 32.0));
    EXPECT_EQ(static_cast<double>(run.blocks) * (turns * loop.barriers + loop.before),
              static_cast<double>(counters.block_barriers));
  }
}

// 16 bytes of each lane; beside them every tile reads its taps.
TEST(KernelCosts, CopiesAreThoseThatTheEmulatorCounts) {
  for (const char* line : {"op=filter dtype=f32 in=4x3584 f=1x32 boundary=wrap",
                           "op=filter dtype=f32 in=16x16x256 f=3x3x3 boundary=wrap",
                           "op=filter dtype=f32 in=72x384 f=15x15 boundary=wrap"}) {
    SCOPED_TRACE(line);
    const auto [run, counters] = count(line);
    const Geometry g = lower(Problem::parse(line));
    const double taps = static_cast<double>(g.axis[0].filter * g.axis[1].filter * g.axis[2].filter);
    EXPECT_EQ(static_cast<double>(run.blocks) * (run.turns.copy * 32 * 16 + taps * 4),
              static_cast<double>(counters.read.bytes));
  }
}

// A better kernel has a better estimate: every resource of a row counts.
TEST(KernelCosts, EveryResourceCountsInTheEstimate) {
  const GpuMachine gpu = reference_gpu_machine();
  KernelCost cost = kernel_cost("direct::walk_kernel<float, float, 3, false>");
  KernelRun run{.cost = &cost, .blocks = 1000, .threads = 128};
  run.turns.sums = 1e6;
  run.bytes = run.l2_bytes = 1;
  const Prediction before = predict(gpu, run);
  for (const auto resource : {&PartCost::issued, &PartCost::fma, &PartCost::f64, &PartCost::alu,
                              &PartCost::xu, &PartCost::wavefronts, &PartCost::clocks}) {
    KernelCost worse = cost;
    worse.sums.*resource += 1000;
    run.cost = &worse;
    EXPECT_GT(predict(gpu, run).us, before.us);
  }
  run.cost = &cost;
  run.bytes = 1e12;
  EXPECT_EQ(predict(gpu, run).bound, Bound::memory);
}

// 2 blocks of 65536 registers and 227 KiB, by hand; and a wave more where one block more comes.
TEST(KernelCosts, BlocksThatAreResidentAndWavesAreCounted) {
  KernelCost cost{.name = "a", .registers = 128, .shared = 0, .sums = {.issued = 1, .clocks = 1}};
  KernelRun run{.cost = &cost, .threads = 256};
  EXPECT_EQ(resident_blocks({}, run), 2);  // 65536 / (8 warps x 4096)
  run.dynamic_shared = 120 * 1024;
  EXPECT_EQ(resident_blocks({}, run), 1);
  run.dynamic_shared = 0;
  cost.registers = 16;
  EXPECT_EQ(resident_blocks({}, run), 8);  // 2048 threads
  run.turns.sums = 8 * 1e6;                // a warp alone needs 1e6 clocks, a full wave 16e6
  run.blocks = 8 * 132;
  const GpuMachine gpu = reference_gpu_machine();
  const double one = predict(gpu, run).us - gpu.launch_us;
  EXPECT_NEAR(one, 16e6 / gpu.clock_mhz, 1e-6 * one);
  run.blocks += 1;
  EXPECT_NEAR(predict(gpu, run).us - gpu.launch_us, 18e6 / gpu.clock_mhz, 1e-6 * one);
}

TEST(KernelCosts, AKernelWithoutARowIsNamed) {
  EXPECT_THROW((void)kernel_cost("direct::no_kernel<float>"), std::logic_error);
}

}  // namespace
}  // namespace faltung::cuda::direct
