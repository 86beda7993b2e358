#include <gtest/gtest.h>

#include <cmath>

#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/direct_runs.hpp"
#include "cuda/direct/walk_policy.hpp"
#include "tests/cuda/direct_support.hpp"

namespace faltung::cuda::direct {
namespace {

// Strips that end within the image, at its end, and past it; maps of every kind on both axes.
TEST(DirectWalk, AgreesWithTheReference) {
  for (const char* line : {
           "op=filter dtype=f32 in=20x300 f=3x3 boundary=reflect",
           "op=filter dtype=f32 in=33x128 f=5x5 boundary=mirror",
           "op=filter dtype=f32 in=17x132 f=7x7 boundary=wrap",
           "op=filter dtype=f32 in=2x32 f=7x7 boundary=mirror",
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

// Pads that are not `same`, far beyond the image or within it, pitches and strides that leave
// nothing aligned, other types of the result, epilogues.
TEST(DirectWalk, TakesAnyPadsPitchesTypesAndEpilogues) {
  for (const char* line : {
           "op=filter dtype=f32 in=20x301 f=3x3 boundary=reflect",
           "op=filter dtype=f64 in=18x129 f=5x5 boundary=wrap",
           "op=filter dtype=f64 in=17x33 f=3x3 boundary=nearest",
           "op=fwd dtype=f32 n=1 c=1 in=19x140 k=1 f=7x7 pad=0x0",
           "op=fwd dtype=f32 n=1 c=1 in=9x136 k=1 f=5x5 pad=11:-3x-5:40 boundary=mirror",
           "op=fwd dtype=f32 n=1 c=1 in=9x136 k=1 f=3x3 pad=150:1x133:2 boundary=wrap",
           "op=fwd dtype=f32 n=2 c=2 in=18x132 k=4 f=3x3 pad=1 g=2 alpha=0.5 beta=2 bias=1 "
           "act=relu",
           "op=fwd dtype=f64 n=1 c=2 in=18x40 k=2 f=5x5 pad=2 g=2 bias=1 act=gelu",
           "op=fwd dtype=f32:f32:f16 n=1 c=1 in=18x132 k=1 f=5x5 pad=2",
           "op=fwd dtype=f32:f32:u8 n=1 c=1 in=18x132 k=1 f=3x3 pad=1 overflow=saturate",
           "op=fwd dtype=f32 n=1 c=1 in=18x64 k=1 f=3x3 pad=1 ystrides=4000,4000,200,3",
           "op=dgrad dtype=f32 n=1 c=2 in=20x70 k=2 f=3x3 pad=0 g=2",
       }) {
    expect_agreement(line, "walk_kernel");
  }
}

// Integers of one and two bytes, signed and not, summed in floats or exactly.
TEST(DirectWalk, UnpacksShortIntegers) {
  for (const char* line : {
           "op=filter dtype=u16 in=20x256 f=3x3 boundary=reflect",
           "op=filter dtype=i16 in=33x131 f=5x5 boundary=mirror",
           "op=filter dtype=i8 in=17x140 f=7x7 boundary=wrap",
           "op=fwd dtype=i16:f32:i16 n=1 c=2 in=9x136 k=2 f=7x7 pad=3:0x1:5 g=2 "
           "boundary=constant(-7) overflow=saturate",
           "op=fwd dtype=i16:i16:i32 acc=i32 n=1 c=1 in=19x132 k=1 f=5x5 pad=2",
           "op=fwd dtype=u8:i8:i32 acc=i32 n=2 c=1 in=19x70 k=1 f=3x3 pad=1 boundary=nearest",
           "op=fwd dtype=u16:i8:u16 acc=i32 n=1 c=1 in=12x66 k=1 f=7x7 pad=3 overflow=saturate",
           "op=fwd dtype=i8:i8:i8 acc=i32 n=1 c=1 in=12x66 k=1 f=3x3 pad=1 bias=1 act=relu",
       }) {
    expect_agreement(line, "walk_kernel");
  }
}

TEST(DirectWalk, KeepsNonFiniteValuesWhereTheyBelong) {
  expect_non_finite_as_defined("op=fwd dtype=f32 n=1 c=1 in=18x133 k=1 f=3x3 pad=1");
  expect_non_finite_as_defined("op=fwd dtype=f64 n=1 c=1 in=18x40 k=1 f=5x5 pad=3 beta=1");
}

// Without the alignment that its vectors need, the general kernel takes over at run time.
TEST(DirectWalk, TakesPointersThatAreNotAligned) {
  for (const char* line :
       {"op=filter dtype=f32 in=20x300 f=5x5", "op=filter dtype=u16 in=20x300 f=3x3"}) {
    DirectRun run(line, size_of(Problem::parse(line).input));
    const Choice choice = choose(run.problem, run.arguments.geometry, false);
    const auto tiling = std::get<WalkTiling>(choice.tiling);
    EXPECT_TRUE(tiling.general);
    EXPECT_FALSE(choice.needs_alignment());
    start(run.arguments, tiling, nullptr);
    EXPECT_TRUE(run.is_right());
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

// Strips of a whole wave, or of two, whatever the image: hardly a block is idle at the end.
TEST(DirectWalk, StripsFillWholeWaves) {
  for (const char* line :
       {"op=filter dtype=f32 in=4096x4096 f=3x3", "op=filter dtype=f32 in=4096x4096 f=7x7",
        "op=filter dtype=f32 b=3 in=2160x3840 f=5x5", "op=filter dtype=f64 in=4096x4096 f=5x5",
        "op=filter dtype=f32 b=64 in=1024x1024 f=5x5", "op=filter dtype=f32 in=8192x8192 f=3x3"}) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const Geometry g = lower(p);
    const auto bytes = static_cast<int>(size_of(p.accumulator));
    const WalkTiling t = walk_tiling(g, false, bytes);
    const Prediction found =
        predict(reference_gpu_machine(), run_of(g, t, p.accumulator, p.input, p.bytes()));
    EXPECT_EQ(found.resident,
              walk_blocks(static_cast<int>(g.axis[2].filter), size_of(p.accumulator), false));
    EXPECT_GE(found.waves / std::ceil(found.waves), 0.95);
    EXPECT_LE(t.rows, walk_rows);
  }
  // Few rows to a multiprocessor: strips that would read more than an eighth twice are no gain.
  const Geometry small = lower(Problem::parse("op=filter dtype=f32 in=64x64 f=3x3"));
  EXPECT_EQ(walk_tiling(small, false, 4).rows, 16);
}

// Strips as high as 4096 x 4096 gets them: 50 rows share 2 with the next, 512 columns of a block 4
// with each neighbour.
TEST(DirectWalk, MovesHardlyMoreThanTheLeast) {
  const Problem large = Problem::parse("op=filter dtype=f32 in=4096x4096 f=3x3");
  EXPECT_EQ(walk_tiling(lower(large), false, 4).rows, 50);

  DirectRun run("op=filter dtype=f32 in=126x1536 f=3x3");
  WalkTiling tiling = walk_tiling(run.arguments.geometry, false, 4);
  tiling.rows = 63;
  count_tiles(run.arguments.geometry, tiling);
  tiling.blocks = divide_up(tiling.tiles, walk_warps);
  const emulator::Recorder recorder;
  start(run.arguments, tiling, nullptr);
  emulator::print(std::cout, recorder.reports());

  const emulator::Counters& c = recorder.reports().at(0).counters;
  const double min = 2.0 * 126 * 1536 * 4;
  const double moved = 32.0 * static_cast<double>(c.read.cluster_sectors + c.write.cluster_sectors);
  EXPECT_LE(moved, 1.06 * min);
  EXPECT_EQ(c.multiply_adds, (9u * (126 + 2 * 2) + 126) * 1536);  // a result is checked by one
  EXPECT_NO_THROW(emulator::expect_within(
      recorder.reports()[0],
      {.conflict_factor = 1.1, .read_sector_use = 0.9, .read_redundancy = 1.12}));
}

// Long filters, by the general kernel: conflict-free vectors, each output written once; signals are
// read in whole sectors. Rows of an image start anywhere in a sector, so a warp's 128 bytes may lie
// in five of them, and twice that where it goes from one row of the window to the next.
TEST(DirectTile, ReadsAndWritesInOrder) {
  for (const char* line :
       {"op=fwd dtype=i32 n=1 c=1 in=16384 k=1 f=129", "op=filter dtype=f64 in=64x512 f=15x15",
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
