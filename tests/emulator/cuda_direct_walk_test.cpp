#include <gtest/gtest.h>

#include "cuda/direct/direct_policy.hpp"
#include "tests/emulator/direct_support.hpp"

namespace faltung::cuda::direct {
namespace {

// Strips that end within the image, at its end, and past it; maps of every kind on both axes.
TEST(DirectWalk, AgreesWithTheReference) {
  for (const char* line : {
           "op=filter dtype=f32 in=20x300 f=3x3 boundary=reflect",
           "op=filter dtype=f32 in=33x128 f=5x5 boundary=mirror",
           "op=filter dtype=f32 in=17x132 f=7x7 boundary=wrap",
           "op=filter dtype=f32 in=2x4 f=7x7 boundary=mirror",
           "op=filter dtype=f64 in=18x400 f=5x5 boundary=nearest",
           "op=filter dtype=f64 in=35x130 f=3x3 boundary=constant",
           "op=fwd dtype=f32 n=2 c=3 in=19x260 k=6 f=3x3 pad=1 g=3",
           "op=fwd dtype=f32 n=1 c=1 in=9x136 k=1 f=5x5 pad=2 "
           "boundary=wrap:zeroxconstant(2):mirror",
           "op=fwd dtype=f32 n=1 c=2 in=3x18x128 k=2 f=1x3x3 pad=0x1x1 g=2 flip=1",
       }) {
    expect_agreement(line, "walk_kernel");
  }
}

// An infinite tap meets nothing beyond a zero boundary, so those outputs stay finite.
TEST(DirectWalk, MendsSumsWhereNothingStands) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=1 c=1 in=18x132 k=1 f=3x3 pad=1");
  test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 5);
  operands.second.set({0, 0, 0, 0}, std::numeric_limits<double>::infinity());
  const test::Array result = test::run_guarded(device(), direct_engine(), p, operands);
  EXPECT_TRUE(std::isfinite(result.get({0, 0, 0, 7}).real()));
  EXPECT_TRUE(std::isfinite(result.get({0, 0, 9, 0}).real()));
  const test::Array reference = expected(p, operands);
  for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
    EXPECT_EQ(std::isfinite(reference.get(index).real()), std::isfinite(result.get(index).real()))
        << index;
  });
}

// Strips as high as 4096 x 4096 gets them: 62 rows share 2 with the next, 512 columns of a block 4
// with each neighbour.
TEST(DirectWalk, MovesHardlyMoreThanTheLeast) {
  const Problem large = Problem::parse("op=filter dtype=f32 in=4096x4096 f=3x3");
  EXPECT_EQ(walk_tiling(lower(large)).rows, 63);

  DirectRun run("op=filter dtype=f32 in=126x1536 f=3x3");
  Tiling& tiling = run.arguments.tiling;
  tiling = walk_tiling(run.arguments.geometry);
  tiling.rows = 63;
  tiling.tiles_y = 2;
  tiling.tiles = 2 * tiling.tiles_x;
  const emulator::Recorder recorder;
  launch_walk<float>(run.arguments, nullptr);
  emulator::print(std::cout, recorder.reports());

  const emulator::Counters& c = recorder.reports().at(0).counters;
  const double least = 2.0 * 126 * 1536 * 4;
  const double moved = 32.0 * static_cast<double>(c.read.cluster_sectors + c.write.cluster_sectors);
  EXPECT_LE(moved, 1.06 * least);
  EXPECT_EQ(c.multiply_adds, 9u * (126 + 2 * 2) * 1536);
  EXPECT_NO_THROW(emulator::expect_within(
      recorder.reports()[0],
      {.conflict_factor = 1.1, .read_sector_use = 0.9, .read_redundancy = 1.12}));
}

// Long filters, by the general kernel: conflict-free vectors, each output written once; signals are
// read in whole sectors. Rows of an image start anywhere in a sector, so a warp's 128 bytes may lie
// in five of them, and twice that where it goes from one row of the window to the next.
TEST(DirectTile, ReadsAndWritesInOrder) {
  for (const char* line :
       {"op=fwd dtype=i32 n=1 c=1 in=16384 k=1 f=129", "op=filter dtype=f32 in=128x512 f=15x15",
        "op=fwd dtype=i64 n=1 c=1 in=8192 k=1 f=65", "op=signal dtype=c128 in=8192 f=31"}) {
    const Problem p = Problem::parse(line);
    const test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 1);
    const emulator::Recorder recorder;
    (void)test::run_guarded(device(), direct_engine(), p, operands);
    const emulator::Counters& c = recorder.reports().at(0).counters;
    emulator::print(std::cout, recorder.reports());
    EXPECT_GE(c.read.sector_use(), p.rank() == 1 ? 8.0 / 9 : 4.0 / 6) << line;
    EXPECT_EQ(c.write.redundancy(), 1) << line;
    EXPECT_LE(c.shared.conflict_factor(), 1.1) << line;
  }
}

}  // namespace
}  // namespace faltung::cuda::direct
