#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/slab_policy.hpp"
#include "tests/cuda/direct_support.hpp"

namespace faltung::cuda::direct {
namespace {

// Slabs that end within the volume, at its end and past it; every map; pitches and pads that leave
// nothing aligned.
TEST(DirectSlab, AgreesWithTheReference) {
  for (const char* line : {
           "op=filter dtype=f32 in=6x9x132 f=3x3x3 boundary=reflect",
           "op=filter dtype=f32 in=4x17x37 f=5x5x5 boundary=constant",
           "op=filter dtype=f32 in=4x3x5 f=5x5x5 boundary=mirror",
           "op=fwd dtype=f32 n=2 c=1 in=5x9x20 k=2 f=3x3x3 pad=1",
           "op=fwd dtype=f32 n=1 c=1 in=5x11x24 k=1 f=5x5x5 pad=0:3x4:-1x2 flip=1 "
           "boundary=wrap:zeroxconstant(2):mirrorxwrap",
           "op=dgrad dtype=f32 n=1 c=2 in=6x9x20 k=2 f=3x3x3 pad=1 g=2",
           "op=fwd dtype=f32 n=1 c=1 in=4x18x140 k=1 f=3x3x3 pad=1x1x0",
           "op=fwd dtype=f32 n=1 c=1 in=4x9x37 k=1 f=5x5x5 pad=2x2x9:3 boundary=wrap",
           "op=fwd dtype=f32 n=1 c=2 in=5x17x20 k=2 f=3x3x3 pad=1 g=2 alpha=2 beta=-1 bias=1 "
           "act=relu",
           "op=fwd dtype=f32:f32:f16 n=1 c=1 in=4x7x22 k=1 f=5x5x5 pad=2",
           "op=fwd dtype=f32 n=1 c=1 in=5x9x20 k=1 f=3x3x3 pad=1 ystrides=9000,9000,1000,80,2",
       }) {
    expect_agreement(line, "slab_kernel");
  }
}

TEST(DirectSlab, KeepsNonFiniteValuesWhereTheyBelong) {
  expect_non_finite_as_defined("op=fwd dtype=f32 n=1 c=1 in=14x15x30 k=1 f=3x3x3 pad=1");
  expect_non_finite_as_defined("op=filter dtype=f32 in=6x13x20 f=5x5x5 boundary=nearest");
  expect_non_finite_as_defined("op=fwd dtype=f32 n=1 c=1 in=14x15x30 k=1 f=3x3x3 pad=1 beta=1");
}

TEST(DirectSlab, WalksOverSlabsOfManyChannels) {
  DirectRun run("op=fwd dtype=f32 n=2 c=3 in=10x17x20 k=3 f=3x3x3 pad=1 g=3");
  SlabTiling t = slab_tiling(run.arguments.geometry, false);
  t.depth = 4;
  count_tiles(run.arguments.geometry, t);
  for (const std::int64_t blocks : {1, 7}) {
    t.blocks = blocks;
    start(run.arguments, t, nullptr);
    EXPECT_TRUE(run.is_right()) << blocks << " blocks";
  }
}

// Every slice is read once by its block: what is read twice is the halo of rows, (16 + 2) / 16 rows
// and 136 / 128 columns, and the two slices that slabs share.
TEST(DirectSlab, ReadsEverySliceOnce) {
  DirectRun run("op=filter dtype=f32 in=32x32x384 f=3x3x3");
  SlabTiling t = slab_tiling(run.arguments.geometry, false);
  t.depth = 32;
  count_tiles(run.arguments.geometry, t);
  const emulator::Recorder recorder;
  start(run.arguments, t, nullptr);
  emulator::print(std::cout, recorder.reports());
  const emulator::Counters& c = recorder.reports().at(0).counters;
  EXPECT_EQ(c.multiply_adds, 27u * (32 + 2) * 32 * 384);
  EXPECT_NO_THROW(emulator::expect_within(recorder.reports()[0], {.conflict_factor = 1.05,
                                                                  .read_sector_use = 0.6,
                                                                  .read_redundancy = 1.4,
                                                                  .write_sector_use = 1,
                                                                  .write_redundancy = 1}));
}

TEST(DirectSlab, IsChosenForVolumes) {
  for (const char* line : {"op=filter dtype=f32 in=512x512x512 f=3x3x3 boundary=reflect",
                           "op=filter dtype=f32 in=100x1000x1000 f=5x5x5 boundary=nearest"}) {
    const Problem p = Problem::parse(line);
    const Choice choice = choose(p, lower(p), true);
    EXPECT_TRUE(std::holds_alternative<SlabTiling>(choice.tiling)) << line;
    std::cout << line << ": " << choice.us << " us predicted, " << choice.policy() << '\n';
  }
}

}  // namespace
}  // namespace faltung::cuda::direct
