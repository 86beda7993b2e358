#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/fir_policy.hpp"
#include "tests/cuda/direct_support.hpp"

namespace faltung::cuda::direct {
namespace {

// Rows that end within a tile, at its end and past it; taps that fill whole vectors, whole rings,
// and neither; windows that begin at any address.
TEST(DirectFir, AgreesWithTheReference) {
  for (const char* line : {
           "op=signal dtype=f32 in=3100 f=32",
           "op=signal dtype=f32 in=1536 f=31",
           "op=signal dtype=f32 in=1537 f=2 mode=full",
           "op=signal dtype=f32 in=2000 f=45 mode=valid",
           "op=signal dtype=f32 b=3 in=600 f=16",
           "op=signal dtype=f64 in=1600 f=33",
           "op=signal dtype=f64 in=900 f=8 mode=full",
           "op=signal dtype=c64 in=1600 f=17",
           "op=signal dtype=c64 in=1000 f=6 mode=valid",
           "op=fwd dtype=f32 n=1 c=1 in=700 k=1 f=300 pad=299:0 boundary=wrap",
           "op=fwd dtype=f32 n=2 c=2 in=520 k=4 f=5 pad=2 g=2 boundary=mirror",
           "op=fwd dtype=f32 n=1 c=1 in=600 k=1 f=13 pad=-3:20 boundary=constant(2):reflect flip=1",
           "op=fwd dtype=f32 n=1 c=1 in=5x530 k=1 f=1x9 pad=0x4 boundary=nearest",
           "op=fwd dtype=f32 n=1 c=2 in=520 k=2 f=7 pad=3 g=2 alpha=0.5 beta=2 bias=1 act=relu",
           "op=fwd dtype=bf16 n=1 c=3 in=530 k=3 f=4 pad=3:0 g=3",
           "op=fwd dtype=u8:f32:u8 n=1 c=1 in=600 k=1 f=9 pad=4 overflow=saturate",
           "op=fwd dtype=c64 n=1 c=1 in=600 k=1 f=5 pad=2 conj=1 alpha=2",
           "op=fwd dtype=f32 n=1 c=1 in=600 k=1 f=5 ystrides=1800,1800,3",
           "op=dgrad dtype=f32 n=1 c=2 in=600 k=2 f=11 pad=5 g=2",
       }) {
    expect_agreement(line, "fir_kernel");
  }
}

TEST(DirectFir, KeepsNonFiniteValuesWhereTheyBelong) {
  expect_non_finite_as_defined("op=signal dtype=f32 in=1700 f=31");
  expect_non_finite_as_defined("op=signal dtype=c64 in=800 f=7 mode=full");
  expect_non_finite_as_defined("op=fwd dtype=f64 n=1 c=1 in=800 k=1 f=9 pad=4 boundary=nearest");
}

// A block that has many tiles: windows change places, channels bring their own taps.
TEST(DirectFir, WalksOverTilesOfManyChannels) {
  DirectRun run("op=fwd dtype=f32 n=2 c=3 in=1600 k=3 f=20 pad=10:9 g=3");
  FirTiling t = fir_tiling(run.arguments.geometry, 4);
  ASSERT_GE(t.tiles, 6);
  for (const std::int64_t blocks : {1, 2, 5}) {
    t.blocks = blocks;
    start(run.arguments, t, nullptr);
    EXPECT_TRUE(run.is_right()) << blocks << " blocks";
  }
}

// The figures of fir_policy.hpp: each sample is read once but for the halo (and the taps once for
// each block, which here has but one tile), no bank conflicts, 8 wavefronts for a vector of taps on
// the outputs of a warp, 3 x 7 x 4 for what comes in and goes out.
TEST(DirectFir, CountsWhatItsPolicyPromises) {
  struct Case {
    const char* line;
    double redundancy;
  };
  for (const Case c : {Case{"op=signal dtype=f32 in=57344 f=32", 1.03},
                       Case{"op=signal dtype=f64 in=28672 f=32", 1.05},
                       Case{"op=signal dtype=c64 in=28672 f=32", 1.05}}) {
    SCOPED_TRACE(c.line);
    const Problem p = Problem::parse(c.line);
    const test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 1);
    const emulator::Recorder recorder;
    (void)test::run_guarded(device(), direct_engine(), p, operands);
    emulator::print(std::cout, recorder.reports());
    ASSERT_EQ(recorder.reports().at(0).kernel, "fir_kernel");
    const double per_product = p.accumulator == DType::c64 ? 4 : 1;
    EXPECT_NO_THROW(emulator::expect_within(recorder.reports()[0],
                                            {.conflict_factor = 1.01,
                                             .read_sector_use = 0.95,
                                             .read_redundancy = c.redundancy,
                                             .write_sector_use = 1,
                                             .multiply_adds = per_product * p.multiply_adds(),
                                             .useful_share = 1}));
    const emulator::Counters& counters = recorder.reports()[0].counters;
    const double sample = static_cast<double>(size_of(p.accumulator));
    const double warps = 57344 * 4 / (32 * 112.0);     // of 28 floats, 14 doubles, 14 complex
    const double steps = 32 / (16 / sample);           // vectors of taps
    const double loads = warps * (8 * steps + 7 * 4);  // and the ring's first vectors
    const double in_and_out = warps * 7 * 4 * 3;       // in, to the stage, and from it
    const double places = (3 * warps + 16) * 20;       // 20 words, written and read three times
    EXPECT_LE(static_cast<double>(counters.shared.wavefronts),
              1.03 * (loads + in_and_out + places));
  }
}

// The estimates choose it for the signals that it was made for.
TEST(DirectFir, IsChosenForShortFilters) {
  for (const char* line :
       {"op=signal dtype=f32 in=16777216 f=32", "op=signal dtype=f32 in=268435456 f=64",
        "op=signal dtype=f32 in=16777216 f=128", "op=signal dtype=c64 in=16777216 f=255",
        "op=signal dtype=f64 in=16777216 f=129", "op=signal dtype=f32 b=4096 in=4096 f=127"}) {
    const Problem p = Problem::parse(line);
    const Choice choice = choose(p, lower(p), true);
    EXPECT_TRUE(std::holds_alternative<FirTiling>(choice.tiling)) << line;
    std::cout << line << ": " << choice.us << " us predicted, " << choice.policy() << '\n';
  }
}

// Every output of every row lies in exactly one tile, whatever the extents.
TEST(DirectFir, TilesCoverEveryOutputOnce) {
  for (const std::int64_t width : {512, 768, 1000, 1536, 1537, 4096}) {
    Geometry g;
    g.axis[2].output = g.axis[2].input = width;
    g.axis[2].filter = 3;
    g.axis[1].output = 3;
    g.channels = 2;
    for (const int bytes : {4, 8}) {
      const FirTiling t = fir_tiling(g, bytes);
      ASSERT_LE(t.blocks, t.tiles);
      std::int64_t covered = 0;
      for (std::int64_t number = 0; number < t.tiles; ++number) {
        const TileIndex at = tile_index(g, t, number);
        ASSERT_LT(at.x, width);
        ASSERT_EQ(at.x % t.cols, 0);
        ASSERT_EQ(number, at.x / t.cols + t.tiles_x * (at.y + 3 * at.k));
        covered += std::min<std::int64_t>(t.cols, width - at.x);
      }
      EXPECT_EQ(covered, 3 * 2 * width);
    }
  }
}

}  // namespace
}  // namespace faltung::cuda::direct
