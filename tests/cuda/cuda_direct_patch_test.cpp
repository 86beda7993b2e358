#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/patch_policy.hpp"
#include "tests/cuda/direct_support.hpp"

namespace faltung::cuda::direct {
namespace {

// The kernel on problems for which the estimate may prefer another.
void expect_patches(const std::string& line) {
  SCOPED_TRACE(line);
  DirectRun run(line);
  ASSERT_TRUE(can_patch(run.arguments.geometry));
  const PatchTiling t = patch_tiling(run.arguments.geometry);
  start(run.arguments, t, nullptr);
  EXPECT_TRUE(run.is_right());
}

// Every width; tiles that end within the image, at its end and past it; every map; heights that are
// no multiple of the ring of rows; pads and pitches that leave nothing aligned.
TEST(DirectPatch, AgreesWithTheReference) {
  for (const char* line : {
           "op=filter dtype=f32 in=24x256 f=15x15 boundary=reflect",
           "op=filter dtype=f32 in=25x261 f=13x13 boundary=mirror",
           "op=filter dtype=f32 in=25x132 f=11x11 boundary=wrap",
           "op=filter dtype=f32 in=24x128 f=9x9 boundary=nearest",
           "op=filter dtype=f32 in=9x40 f=14x12 boundary=constant",
           "op=fwd dtype=f32 n=1 c=1 in=30x141 k=1 f=16x10 pad=3:20x-2:31 flip=1 "
           "boundary=wrap:zeroxconstant(2):mirror",
           "op=fwd dtype=f32 n=1 c=1 in=40x150 k=1 f=2x8",
           "op=fwd dtype=f32 n=2 c=4 in=12x30 k=4 f=9x9 pad=4 g=2",
           "op=filter dtype=f32 in=4x9x40 f=7x7x7 boundary=reflect",
           "op=fwd dtype=f32 n=1 c=1 in=12x9x40 k=1 f=3x7x6 stride=2x1x1 dil=2x1x1 pad=1",
           "op=dgrad dtype=f32 n=1 c=2 in=30x40 k=3 f=9x9 pad=2",
       }) {
    expect_patches(line);
  }
}

TEST(DirectPatch, KeepsItsBound) {
  DirectRun run("op=filter dtype=f32 in=25x40 f=15x15", 0, test::Fill::reals);
  const PatchTiling t = patch_tiling(run.arguments.geometry);
  start(run.arguments, t, nullptr);
  const Choice choice{t};
  const ErrorBound bound{ErrorBound::Kind::elementwise,
                         choice.error(run.problem, run.arguments.geometry)};
  EXPECT_LE(test::error_ratio(run.problem, run.operands, expected(run.problem, run.operands),
                              run.result(), bound),
            1);
}

TEST(DirectPatch, TakesAnyResult) {
  for (const char* line : {
           "op=fwd dtype=f32 n=1 c=2 in=26x130 k=2 f=9x9 pad=4 g=2 alpha=0.5 beta=2 act=relu",
           "op=fwd dtype=f32:f32:u8 n=1 c=1 in=26x130 k=1 f=11x11 pad=5 overflow=saturate",
           "op=fwd dtype=f32 n=1 c=1 in=30x130 k=1 f=7x7 pad=3 ystrides=9000,9000,300,2",
       }) {
    expect_patches(line);
  }
}

// Infinity and NaN in both operands reach exactly the outputs of the definition.
TEST(DirectPatch, KeepsNonFiniteValuesWhereTheyBelong) {
  for (const char* line : {"op=filter dtype=f32 in=26x140 f=15x15 boundary=nearest",
                           "op=fwd dtype=f32 n=1 c=1 in=26x140 k=1 f=12x12 pad=5"}) {
    SCOPED_TRACE(line);
    DirectRun run(line);
    run.operands.first.set({0, 0, 13, 100}, std::numeric_limits<double>::infinity());
    run.operands.first.set({0, 0, 25, 139}, std::numeric_limits<double>::quiet_NaN());
    if (run.problem.axes[0].below.kind == BoundaryKind::zero) {
      run.operands.second.set({0, 0, 0, 0}, std::numeric_limits<double>::infinity());
    }
    const test::GuardedMemory x(device(), run.operands.first.bytes());
    const test::GuardedMemory w(device(), run.operands.second.bytes());
    run.arguments.x = Global<const unsigned char>(reinterpret_cast<unsigned char*>(x.data()));
    run.arguments.w = Global<const unsigned char>(reinterpret_cast<unsigned char*>(w.data()));
    const PatchTiling t = patch_tiling(run.arguments.geometry);
    start(run.arguments, t, nullptr);
    const test::Array reference = expected(run.problem, run.operands);
    const test::Array result = run.result();
    int finite = 0;
    for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
      const bool wanted = std::isfinite(reference.get(index).real());
      finite += wanted ? 1 : 0;
      EXPECT_EQ(wanted, std::isfinite(result.get(index).real())) << index;
    });
    EXPECT_GT(finite, 0);
  }
}

TEST(DirectPatch, TakesPointersThatAreNotAligned) {
  DirectRun run("op=filter dtype=f32 in=26x260 f=9x9", sizeof(float));
  const PatchTiling t = patch_tiling(run.arguments.geometry);
  start(run.arguments, t, nullptr);
  EXPECT_TRUE(run.is_right());
}

// The figures of patch_policy.hpp: nothing summed beyond what tiles hold, no bank conflicts while
// summing, 40 wavefronts for a row of 15 taps on the patches of a warp.
TEST(DirectPatch, CountsWhatItsPolicyPromises) {
  DirectRun run("op=filter dtype=f32 in=72x384 f=15x15");
  const PatchTiling t = patch_tiling(run.arguments.geometry);
  const emulator::Recorder recorder;
  start(run.arguments, t, nullptr);
  emulator::print(std::cout, recorder.reports());
  const emulator::Counters& c = recorder.reports().at(0).counters;
  EXPECT_EQ(c.multiply_adds, 225u * 72 * 384);
  EXPECT_NO_THROW(emulator::expect_within(recorder.reports()[0], {.conflict_factor = 1.08,
                                                                  .read_sector_use = 0.6,
                                                                  .read_redundancy = 1.7,
                                                                  .write_sector_use = 0.5}));
  const double tiles = 3 * 3;
  const double sums = tiles * patch_warps * (15 * 40 + 2 * 6 * 4);
  // What comes in: vectors that go on in the next row, past its padding, take one wavefront more.
  const double window = tiles * (38 * 36 * 5 + 15 * 16 + 31) / 32;
  EXPECT_LE(static_cast<double>(c.shared.wavefronts), 1.05 * (sums + window));
}

TEST(DirectPatch, IsChosenForWideFilters) {
  for (const char* line :
       {"op=filter dtype=f32 in=4096x4096 f=15x15", "op=filter dtype=f32 in=4096x4096 f=9x9",
        "op=filter dtype=f32 in=4096x4096 f=12x12", "op=filter dtype=f32 in=256x256x256 f=7x7x7"}) {
    const Problem p = Problem::parse(line);
    const Choice choice = choose(p, lower(p), true);
    EXPECT_TRUE(std::holds_alternative<PatchTiling>(choice.tiling)) << line;
    std::cout << line << ": " << choice.us << " us predicted, " << choice.policy() << '\n';
  }
}

}  // namespace
}  // namespace faltung::cuda::direct
