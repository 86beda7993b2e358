#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <variant>

#include "cuda/depthwise/depthwise_engine.hpp"
#include "cuda/depthwise/depthwise_lowering.hpp"
#include "cuda/depthwise/depthwise_runs.hpp"
#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/direct_runs.hpp"
#include "cuda/separable/separable_engine.hpp"
#include "cuda/separable/separable_lowering.hpp"
#include "cuda/separable/separable_runs.hpp"
#include "tests/cuda/direct_support.hpp"
#include "tests/support/problem_file.hpp"

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

namespace faltung::cuda {
namespace {

emulator::Counters counters_of(const Engine& engine, const Problem& p) {
  const emulator::Recorder recorder;
  (void)test::run_guarded(direct::device(), engine, p,
                          test::filled_operands(p, test::Fill::small_integers, 1));
  return recorder.reports().at(0).counters;
}

// Of the part of a kernel that sums, or of its tensor cores; tiles that are partly idle count
// whole.
TEST(KernelCosts, SumsOfLayersAreThoseThatTheEmulatorCounts) {
  struct Layer {
    const char* line;
    double idle;  // more than are summed
  };
  for (const Layer& layer : {
           Layer{"op=fwd dtype=f32 n=6 c=2 in=32x32 k=2 f=3x3 pad=1 g=2", 1},
           Layer{"op=fwd dtype=f32 n=8 c=2 in=28x28 k=2 f=7x7 pad=3 g=2", 1.2},
           // Ten slices, of which the first and the last are passed over.
           Layer{"op=fwd dtype=f32 n=1 c=2 in=8x56x56 k=2 f=3x3x3 pad=1 g=2", 1.45},
           Layer{"op=fwd dtype=f16 n=2 c=64 in=32x32 k=64 f=3x3 pad=1 g=64 layout=nhwc", 1},
           Layer{"op=fwd dtype=f32 n=2 c=32 in=32x32 k=32 f=7x7 pad=3 g=32 layout=nhwc", 1},
           Layer{"op=fwd dtype=f16 n=8 c=2 in=56x56 k=2 f=3x3 pad=1 g=2", 1},
           Layer{"op=fwd dtype=bf16 n=1 c=3 in=16384 k=3 f=4 pad=3:0 g=3", 1},
           Layer{"op=wgrad dtype=f16 n=8 c=2 in=56x56 k=2 f=7x7 pad=3 g=2", 1},
           Layer{"op=wgrad dtype=f32 n=8 c=2 in=28x28 k=2 f=7x7 pad=3 g=2", 1.2},
           // What no other kernel takes; of the last blocks, or rounds of one, a part is idle.
           Layer{"op=fwd dtype=f32 n=2 c=2 in=20x40 k=4 f=3x4 g=2", 1.01},
           Layer{"op=fwd dtype=f64 n=2 c=8 in=12x16 k=8 f=3x4 g=8 layout=nhwc", 1.11},
           Layer{"op=wgrad dtype=f32 n=8 c=2 in=31x40 k=2 f=2x4 g=2", 1.05},
           Layer{"op=wgrad dtype=f16 n=4 c=32 in=16x16 k=32 f=2x4 g=32 layout=nhwc", 1.07},
       }) {
    SCOPED_TRACE(layer.line);
    const Problem p = Problem::parse(layer.line);
    const emulator::Counters counters = counters_of(depthwise_engine(), p);
    const KernelRun run = depthwise::run_of(p, depthwise::lower(p));
    const auto blocks = static_cast<double>(run.blocks);
    const double counted = counters.tensor_instructions > 0
                               ? static_cast<double>(counters.tensor_instructions)
                               : static_cast<double>(counters.multiply_adds);
    const double expected =
        counters.tensor_instructions > 0 ? blocks * run.mma : blocks * 32 * run.turns.sums;
    EXPECT_GE(expected, counted) << run.cost->name;
    EXPECT_LE(expected, layer.idle * counted) << run.cost->name;
    EXPECT_GT(predict(reference_gpu_machine(), run).us, 0);
  }
}

// Rows above the first result of a strip are summed along their axis alone, or for nothing.
TEST(KernelCosts, SumsOfOuterProductsAreThoseThatTheEmulatorCounts) {
  for (const char* line : {"op=filter dtype=f32 in=512x512 f=11x11 boundary=reflect sep=1",
                           "op=filter dtype=f64 in=256x512 f=15x15 boundary=reflect sep=1",
                           "op=filter dtype=f32 in=40x64x128 f=5x5x5 boundary=reflect sep=1"}) {
    SCOPED_TRACE(line);
    using namespace separable;
    const Problem p = Problem::parse(line);
    const separable::Geometry g = separable::lower(p);
    const auto bytes = static_cast<int>(size_of(p.accumulator));
    const Elements elements{p.accumulator, size_of(p.input), size_of(p.output), Finish::plain};
    const KernelRun run = is_volume(p) ? run_of(g, choose_tiles(g, bytes, true), elements)
                                       : run_of(g, choose_strips(g, bytes), elements);
    const double counted = static_cast<double>(counters_of(separable_engine(), p).multiply_adds);
    const double sums =
        static_cast<double>(run.blocks) * 32 * (run.turns.sums + run.turns.other_sums);
    EXPECT_GE(sums, 0.9 * counted) << run.cost->name;
    EXPECT_LE(sums, 1.35 * counted) << run.cost->name;
  }
}

// Of the problem's own engine among those that have rows of costs: the one with the least estimate.
KernelRun run_of_problem(const Problem& p) {
  const auto us = [&](const Engine& engine) {
    const Offer offer = engine.offer(p, Device::cuda(0));
    return offer ? offer.estimate_us : std::numeric_limits<double>::infinity();
  };
  const double by_direct = us(direct_engine()), by_layer = us(depthwise_engine());
  const double by_factors = us(separable_engine());
  if (by_factors < std::min(by_direct, by_layer)) {
    const separable::Geometry g = separable::lower(p);
    const auto bytes = static_cast<int>(size_of(p.accumulator));
    const separable::Elements e{p.accumulator, size_of(p.input), size_of(p.output)};
    return separable::is_volume(p)
               ? separable::run_of(g, separable::choose_tiles(g, bytes, true), e)
               : separable::run_of(g, separable::choose_strips(g, bytes), e);
  }
  if (by_layer < by_direct) return depthwise::run_of(p, depthwise::lower(p));
  if (by_direct == std::numeric_limits<double>::infinity()) return {};
  const direct::Geometry g = direct::lower(p);
  const auto run = [&](const auto& t) {
    return direct::run_of(g, t, p.accumulator, p.input, p.bytes());
  };
  return std::visit(run, direct::choose(p, g, true).tiling);
}

// What part of the waves that blocks take they fill, of the standard suite's problems that kernels
// of ours are made for.
TEST(KernelCosts, WavesOfTheStandardSuiteAreFull) {
  int counted = 0;
  for (const std::string& line : test::problem_lines("bench/problems/standard.txt")) {
    const Problem p = Problem::parse(line);
    const KernelRun run = run_of_problem(p);
    if (run.cost == nullptr) continue;
    const std::string_view name = run.cost->name;  // these serve what is left
    if (name.starts_with("direct::direct_kernel") || name.starts_with("direct::ordered")) continue;
    SCOPED_TRACE(p);
    const double waves = predict(reference_gpu_machine(), run).waves;
    EXPECT_GE(waves / std::ceil(waves), 0.88) << run.cost->name << ", " << waves << " waves";
    ++counted;
  }
  EXPECT_GE(counted, 25);
  // Strips for 16 warps of a multiprocessor that has 12: a second wave, for a third of its blocks.
  const Problem p = Problem::parse("op=filter dtype=f32 in=4096x4096 f=7x7 boundary=reflect");
  const direct::Geometry g = direct::lower(p);
  direct::WalkTiling t = direct::walk_tiling(g, false, 4);
  t.rows = 63;
  count_tiles(g, t);
  t.blocks = divide_up(t.tiles, direct::walk_warps);
  const double waves =
      predict(reference_gpu_machine(), direct::run_of(g, t, p.accumulator, p.input, p.bytes()))
          .waves;
  EXPECT_LT(waves / std::ceil(waves), 0.7);
}

// The bar of band_kernel: where all rows and columns of a strip take part, operands are formed once
// for all rows and nothing is asked. What is more makes it wait for its issue slots again.
TEST(KernelCosts, BandsIssueLittleBesideTheirMatrixInstructions) {
  struct Most {
    const char* kernel;
    double issued, clocks;  // by matrix instruction
  };
  for (const Most& most : {Most{"depthwise::band_kernel<Half, 4, 1>", 4.4, 13.6},
                           Most{"depthwise::band_kernel<BFloat16, 4, 1>", 4.4, 13.6},
                           Most{"depthwise::band_kernel<Half, 4, 2>", 3.7, 9.5},
                           Most{"depthwise::band_kernel<Half, 2, 3>", 4.8, 11.6}}) {
    const KernelCost& cost = kernel_cost(most.kernel);
    EXPECT_LE(cost.sums.issued, most.issued) << most.kernel;
    EXPECT_LE(cost.sums.clocks, most.clocks) << most.kernel;
    EXPECT_LE(cost.store.issued, 42) << most.kernel;
  }
}

// What L1 keeps of a row is waited for less long than what comes from L2.
TEST(KernelCosts, WhatL1AnswersIsWaitedForLess) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=4 c=4 in=40x40 k=8 f=3x4 g=4");
  KernelRun run = depthwise::gather_run(depthwise::lower(p), p.input, p.bytes());
  const GpuMachine gpu = reference_gpu_machine();
  const Prediction kept = predict(gpu, run);
  EXPECT_GT(run.loaded_bytes, 7 * run.l2_bytes);
  run.loaded_bytes = 0;
  const Prediction lost = predict(gpu, run);
  EXPECT_EQ(lost.bound, Bound::latency);
  EXPECT_GT(lost.us - gpu.launch_us, 1.5 * (kept.us - gpu.launch_us));
}

// What a small image takes is what its blocks wait for, whichever engine asks.
TEST(KernelCosts, SmallImagesWaitInEveryEngine) {
  const Problem p = Problem::parse("op=filter dtype=f32 in=64x64 f=3x3 boundary=reflect sep=1");
  const Offer separable = separable_engine().offer(p, Device::cuda(0));
  const Offer walk = direct_engine().offer(p, Device::cuda(0));
  EXPECT_GT(separable.estimate_us, walk.estimate_us)
      << "it finds the factors first, and walks through more rows";
}

}  // namespace
}  // namespace faltung::cuda
