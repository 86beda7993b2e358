#include "cuda/direct/band_policy.hpp"
#include "cuda/direct/direct_choice.hpp"
#include "tests/cuda/direct_support.hpp"

namespace faltung::cuda::direct {
namespace {

// Every compiled size, with filters that fill it and that do not; strips that end within the
// image, at its end and past it; pads, maps and pitches that leave nothing aligned.
TEST(DirectBand, AgreesWithTheReference) {
  for (const char* line : {
           "op=filter dtype=u8 in=20x300 f=3x3 boundary=reflect",
           "op=filter dtype=u8 b=2 in=70x272 f=5x5 boundary=mirror",
           "op=filter dtype=u8 in=15x64 f=11x11 boundary=reflect",
           "op=filter dtype=u8 in=9x77 f=7x7 boundary=wrap",
           "op=filter dtype=u8 in=12x50 f=9x4 boundary=nearest origin=1x-1",
           "op=filter dtype=f16 in=17x260 f=5x5 boundary=constant",
           "op=filter dtype=f16 in=11x66 f=9x9 boundary=nearest",
           "op=filter dtype=bf16 in=13x48 f=7x7 boundary=mirror",
           "op=filter dtype=bf16 in=66x32 f=2x13 boundary=reflect",
           "op=fwd dtype=u8:f32:f32 n=1 c=1 in=9x40 k=1 f=3x5",
           "op=fwd dtype=u8:f32:u8 n=1 c=1 in=9x41 k=1 f=5x3 pad=-1:7x3:-2 overflow=saturate "
           "round=nearest_even boundary=wrap:zeroxconstant(3):mirror",
           "op=fwd dtype=u8:f16:f32 n=2 c=2 in=8x45 k=4 f=5x6 pad=2x9 g=2",
           "op=fwd dtype=f16 n=1 c=2 in=3x10x33 k=2 f=1x3x3 pad=0x1x1 g=2",
           "op=fwd dtype=u8:f32:f16 n=1 c=1 in=7x40 k=1 f=3x3 pad=1 xstrides=328,328,41,1",
           "op=fwd dtype=bf16 n=1 c=1 in=5x40 k=1 f=2x2 pad=1 ystrides=300,300,43,1",
           "op=dgrad dtype=f16 n=1 c=2 in=9x40 k=2 f=5x5 pad=2 g=2",
       }) {
    expect_agreement(line, "band_kernel");
  }
}

// Magnitudes too far apart for two terms of f16 go by three of bf16; the bound is the same.
TEST(DirectBand, SplitsTapsOfAnyMagnitude) {
  const Problem p = Problem::parse("op=fwd dtype=u8:f32:f32 n=1 c=1 in=20x80 k=1 f=5x5 pad=2");
  test::Operands operands = test::filled_operands(p, test::Fill::whole_range, 3);
  const ErrorBound bound = direct_engine().offer(p, Device::cuda(0)).prepare()->error_bound();
  for (const double spread : {0.5, 0.01}) {  // from 1 to 2^-24, and to 1e-48: past the least float
    for (int i = 0; i < 25; ++i) {
      operands.second.set({0, 0, i / 5, i % 5},
                          static_cast<float>((i % 2 == 0 ? 0.7 : -0.9) * std::pow(spread, i % 19)));
    }
    const test::Array result = test::run_guarded(device(), direct_engine(), p, operands);
    EXPECT_LE(test::error_ratio(p, operands, expected(p, operands), result, bound), 1) << spread;
  }
}

TEST(DirectBand, KeepsNonFiniteValuesWhereTheyBelong) {
  expect_non_finite_as_defined("op=filter dtype=f16 in=19x64 f=5x5 boundary=reflect");
  expect_non_finite_as_defined("op=fwd dtype=bf16 n=1 c=1 in=19x64 k=1 f=7x7 pad=3");
  expect_non_finite_as_defined("op=fwd dtype=u8:f32:f32 n=1 c=1 in=19x64 k=1 f=3x3 pad=1");
}

// A block that has many strips, of channels with filters of their own.
TEST(DirectBand, WalksOverStripsOfManyChannels) {
  DirectRun run("op=fwd dtype=f16 n=2 c=3 in=70x300 k=3 f=3x3 pad=1 g=3");
  BandTiling t = band_tiling(run.arguments.geometry, 2);
  for (const std::int64_t blocks : {1, 5}) {
    t.blocks = blocks;
    start(run.arguments, t, nullptr);
    EXPECT_TRUE(run.is_right()) << blocks << " blocks";
  }
}

// The figures of band_policy.hpp: bytes within the rows that strips share, and instructions.
TEST(DirectBand, CountsWhatItsPolicyPromises) {
  struct Case {
    const char* line;
    double instructions;  // for 128 outputs
    double more;          // pairs of input rows than of output rows
  };
  for (const Case c : {Case{"op=filter dtype=u8 in=256x1008 f=5x5", 6, 2},
                       Case{"op=filter dtype=u8 in=256x1008 f=11x11", 24, 5},
                       Case{"op=filter dtype=f16 in=256x1008 f=5x5", 3, 2}}) {
    SCOPED_TRACE(c.line);
    DirectRun run(c.line);
    const int size = static_cast<int>(size_of(run.problem.input));
    BandTiling t = band_tiling(run.arguments.geometry, size);
    t.rows = 256;
    t.tiles_y = 1;
    t.tiles = t.blocks = t.tiles_x;
    ASSERT_EQ(t.tiles, 4);
    const emulator::Recorder recorder;
    start(run.arguments, t, nullptr);
    emulator::print(std::cout, recorder.reports());
    const emulator::Counters& counters = recorder.reports().at(0).counters;
    EXPECT_EQ(counters.tensor_instructions,
              c.instructions * (128 + c.more) / 128 * 256 * 1024 / 128);
    // The frame's columns come one by one, so sectors are used ill there, and rows of 1008 bytes
    // end within a sector; fours of staged sums meet the next row's in one access of two.
    EXPECT_NO_THROW(emulator::expect_within(recorder.reports()[0], {.conflict_factor = 1.2,
                                                                    .read_sector_use = 0.3,
                                                                    .read_redundancy = 1.12,
                                                                    .write_sector_use = 0.55,
                                                                    .write_redundancy = 1.12}));
  }
}

TEST(DirectBand, IsChosenForImages) {
  for (const char* line : {"op=filter dtype=u8 b=3 in=4320x7680 f=5x5 boundary=reflect",
                           "op=filter dtype=u8 in=2160x3840 f=11x11 boundary=reflect",
                           "op=filter dtype=f16 in=4096x4096 f=5x5 boundary=mirror"}) {
    const Problem p = Problem::parse(line);
    const Choice choice = choose(p, lower(p), true);
    EXPECT_TRUE(std::holds_alternative<BandTiling>(choice.tiling)) << line;
    std::cout << line << ": " << choice.us << " us predicted, " << choice.policy() << '\n';
  }
}

// Strips cover every output once, and what they meet begins at a multiple of 16 bytes.
TEST(DirectBand, StripsCoverEveryOutputOnce) {
  for (const std::int64_t width : {32, 255, 256, 257, 1000}) {
    for (const std::int64_t pad : {-17, -1, 0, 1, 5, 16, 21}) {
      for (const int size : {1, 2}) {
        Geometry g;
        g.axis[2].output = width;
        g.axis[2].filter = g.axis[1].filter = 3;
        g.axis[2].pad_lo = pad;
        g.axis[1].output = 130;
        const BandTiling t = band_tiling(g, size);
        const int shift = band_shift(pad + t.lead, size);
        EXPECT_EQ((pad + t.lead + shift) % (16 / size), 0);
        std::int64_t covered = 0;
        for (std::int64_t number = 0; number < t.tiles; ++number) {
          const TileIndex at = tile_index(g, t, number);
          const std::int64_t begin = std::max<std::int64_t>(0, at.x - shift);
          const std::int64_t end = std::min(width, at.x - shift + t.cols);
          ASSERT_LT(begin, end);
          covered += (end - begin) * std::min<std::int64_t>(t.rows, 130 - at.y);
        }
        EXPECT_EQ(covered, width * 130);
      }
    }
  }
}

}  // namespace
}  // namespace faltung::cuda::direct
