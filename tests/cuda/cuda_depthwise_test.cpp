#include <gtest/gtest.h>

#include "cpp/cpu/reference_engine.hpp"
#include "cuda/depthwise/band_policy.hpp"
#include "cuda/depthwise/channels_policy.hpp"
#include "cuda/depthwise/depthwise_engine.hpp"
#include "cuda/depthwise/depthwise_lowering.hpp"
#include "cuda/depthwise/depthwise_runs.hpp"
#include "cuda/depthwise/gradient_mma_policy.hpp"
#include "cuda/depthwise/gradient_window_policy.hpp"
#include "cuda/depthwise/window_policy.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"

namespace faltung::cuda::depthwise {
namespace {

const test::TestDevice& device() { return *test::test_devices()[0]; }

test::Array expected(const Problem& p, const test::Operands& operands) {
  return test::run_guarded(test::cpu_device(), reference_engine(), p, operands);
}

// Exact on small integers, within the derived bound on reals, the same bits from poisoned memory.
void expect_agreement(const std::string& line) {
  const Problem p = Problem::parse(line);
  ASSERT_TRUE(depthwise_engine().offer(p, Device::cuda(0))) << line;
  const test::Operands small =
      test::filled_operands(p, test::Fill::small_integers, test::test_seed());
  EXPECT_TRUE(test::equal_elements(expected(p, small),
                                   test::run_guarded(device(), depthwise_engine(), p, small)))
      << line;
  const test::Operands reals = test::filled_operands(p, test::Fill::reals, test::test_seed());
  const test::Array result =
      test::run_guarded(device(), depthwise_engine(), p, reals, {.poison = std::byte{0xff}});
  const ErrorBound bound = depthwise_engine().offer(p, Device::cuda(0)).prepare()->error_bound();
  EXPECT_LE(test::error_ratio(p, reals, expected(p, reals), result, bound), 1) << line;
  EXPECT_TRUE(test::same_elements(result, test::run_guarded(device(), depthwise_engine(), p, reals,
                                                            {.poison = std::byte{0x5a}})))
      << line;
}

TEST(Depthwise, AgreesWithTheReference) {
  for (const std::string& line : test::problem_lines("tests/problems/depthwise.txt")) {
    expect_agreement(line);
  }
}

emulator::Report run_once(const std::string& line) {
  const Problem p = Problem::parse(line);
  const test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 1);
  const emulator::Recorder recorder;
  (void)test::run_guarded(device(), depthwise_engine(), p, operands);
  emulator::print(std::cout, recorder.reports());
  return recorder.reports().at(0);
}

// Planes as in the targets, a few of them: x and y move once, in full sectors, the filter is
// nothing beside them; shared memory has no conflicts; matrix instructions are those of the header.
TEST(DepthwiseBand, MovesAndMultipliesWhatItsHeaderSays) {
  const auto expect = [](const std::string& line, std::uint64_t tiles_mma) {
    const Problem p = Problem::parse(line);
    const emulator::Report report = run_once(line);
    EXPECT_EQ(report.kernel, "depthwise_band");
    const emulator::Counters& c = report.counters;
    const double moved =
        32.0 * static_cast<double>(c.read.cluster_sectors + c.write.cluster_sectors);
    const Geometry g = lower(p);
    const BandTiling t = band_tiling(g);
    const double filters =
        static_cast<double>(t.tiles) / t.run * 2.0 * static_cast<double>(g.taps());
    EXPECT_LE(moved, 1.05 * (p.bytes() + filters)) << line;
    EXPECT_EQ(c.write.redundancy(), 1) << line;
    EXPECT_EQ(c.write.sector_use(), 1) << line;
    EXPECT_NO_THROW(emulator::expect_within(report, {.read_sector_use = 0, .read_redundancy = 2}));
    EXPECT_LE(c.shared.conflict_factor(), 1.1) << line;
    EXPECT_EQ(c.tensor_instructions, tiles_mma) << line;
    const BandCounts counts = band_counts(g, t);
    EXPECT_EQ(counts.mma * static_cast<double>(t.tiles), static_cast<double>(tiles_mma));
    EXPECT_LE(static_cast<double>(c.shared.wavefronts),
              1.1 * counts.wavefronts * static_cast<double>(t.tiles));
  };
  // images x channels x filter rows x strip x column tiles x steps
  expect("op=fwd dtype=f16 n=8 c=2 in=56x56 k=2 f=3x3 pad=1 g=2", 16 * 3 * 4 * 8 * 1);
  expect("op=fwd dtype=f16 n=8 c=2 in=56x56 k=2 f=7x7 pad=3 g=2", 16 * 7 * 4 * 8 * 1);
  expect("op=fwd dtype=bf16 n=8 c=1 in=32x32 k=1 f=31x31 pad=15", 8 * 31 * 2 * 4 * 3);
  // channels x tiles of 2048 x column tiles x steps
  expect("op=fwd dtype=bf16 n=1 c=3 in=16384 k=3 f=4 pad=3:0 g=3", 3 * 8 * 16 * 1);
  expect("op=fwd dtype=bf16 n=2 c=2 in=8192 k=2 f=128 pad=127:0 g=2", 4 * 4 * 16 * 9);
}

// Filter gradients: x and dy move once, but for the rows and pieces that tiles share.
TEST(DepthwiseGradientMma, MovesAndMultipliesWhatItsHeaderSays) {
  const auto expect = [](const std::string& line, double reads) {
    const Problem p = Problem::parse(line);
    const emulator::Report report = run_once(line);
    EXPECT_EQ(report.kernel, "depthwise_gradient_mma");
    const emulator::Counters& c = report.counters;
    const Geometry g = lower(p);
    const GradientTiling t = gradient_mma_tiling(g);
    EXPECT_LE(32.0 * static_cast<double>(c.read.cluster_sectors), reads * p.bytes()) << line;
    // The sums of a block: nothing beside its operands.
    EXPECT_EQ(static_cast<double>(c.write.useful_bytes),
              4.0 * static_cast<double>(t.chunks * g.channels * g.taps()));
    // Taps more than 8 columns apart share banks when the diagonals are added.
    EXPECT_LE(c.shared.conflict_factor(), g.taps() > 900 ? 1.15 : 1.1) << line;
    const GradientCounts counts = gradient_mma_counts(g, t);
    const double tiles = static_cast<double>(t.tiles * g.channels);
    EXPECT_EQ(static_cast<double>(c.tensor_instructions), counts.mma * tiles) << line;
    EXPECT_LE(static_cast<double>(c.shared.wavefronts),
              1.15 * (counts.wavefronts * tiles + counts.end))
        << line;
  };
  expect("op=wgrad dtype=f16 n=8 c=2 in=56x56 k=2 f=7x7 pad=3 g=2", 1.01);
  expect("op=wgrad dtype=bf16 n=8 c=2 in=56x56 k=2 f=3x3 pad=1 g=2", 1.01);
  // Two blocks share the groups of taps, each reads all.
  expect("op=wgrad dtype=f16 n=4 c=1 in=32x32 k=1 f=31x31 pad=15", 2.1);
  expect("op=wgrad dtype=bf16 n=2 c=2 in=16384 k=2 f=4 pad=3:0 g=2", 1.2);
}

// The same for f32: only the halo of tiles and of runs of slices is read again, and every product
// is one of the problem's, but for those of the last tile's idle threads.
TEST(DepthwiseWindow, MovesAndMultipliesWhatItsHeaderSays) {
  const auto expect = [](const std::string& line, double reads, double products) {
    const Problem p = Problem::parse(line);
    const emulator::Report report = run_once(line);
    EXPECT_EQ(report.kernel, "depthwise_window");
    const emulator::Counters& c = report.counters;
    // The filter is read again for every run.
    const Geometry g = lower(p);
    const double bytes = static_cast<double>(size_of(p.input));
    const WindowTiling t = window_tiling(g, static_cast<int>(bytes));
    const double runs = static_cast<double>(t.tiles) / (g.axis[0].filter == 1 ? t.run : 1);
    const double min = p.bytes() / 2 + runs * static_cast<double>(g.taps()) * bytes;
    EXPECT_LE(32.0 * static_cast<double>(c.read.cluster_sectors), reads * min) << line;
    EXPECT_EQ(c.write.redundancy(), 1) << line;
    // Rows of 112 bytes end within a sector, which the next row of the same thread fills.
    EXPECT_GE(c.write.sector_use(), 0.87) << line;
    EXPECT_LE(c.shared.conflict_factor(), 1.1) << line;
    EXPECT_EQ(static_cast<double>(c.multiply_adds), products * p.multiply_adds()) << line;
  };
  expect("op=fwd dtype=f32 n=8 c=2 in=28x28 k=2 f=7x7 pad=3 g=2", 1.02, 1);
  expect("op=fwd dtype=f64 n=4 c=2 in=28x28 k=2 f=5x5 pad=2 g=2", 1.02, 1);
  // Three tiles of 20 rows, the last 4 of them idle; each reads a row of each neighbour. A slice
  // beyond the ends is passed over, the first and the last one within meet one output for nothing.
  expect("op=fwd dtype=f32 n=1 c=2 in=8x56x56 k=2 f=3x3x3 pad=1 g=2", 1.1, 60.0 / 56);
}

// Filter gradients of f32 and f64: x and dy move once, every product is one of the problem's, but
// for those with the zeros of dy that fill a tile.
TEST(DepthwiseGradientWindow, MovesAndMultipliesWhatItsHeaderSays) {
  const auto expect = [](const std::string& line, double products) {
    const Problem p = Problem::parse(line);
    const emulator::Report report = run_once(line);
    EXPECT_EQ(report.kernel, "depthwise_gradient_window");
    const emulator::Counters& c = report.counters;
    EXPECT_LE(32.0 * static_cast<double>(c.read.cluster_sectors), 1.02 * p.bytes()) << line;
    EXPECT_LE(c.shared.conflict_factor(), 1.1) << line;
    EXPECT_EQ(static_cast<double>(c.multiply_adds), products * p.multiply_adds()) << line;
  };
  expect("op=wgrad dtype=f32 n=8 c=2 in=28x28 k=2 f=7x7 pad=3 g=2", 1);
  expect("op=wgrad dtype=f64 n=8 c=2 in=28x28 k=2 f=5x5 pad=2 g=2", 1);
  expect("op=wgrad dtype=f32 n=8 c=2 in=14x16 k=2 f=3x3 pad=1 g=2", 16.0 / 14);
}

// Many pieces of few elements: every piece is read once, threads share those of an element, and the
// sum is right.
TEST(DepthwiseGradientSum, SharesThePiecesOfAnElement) {
  const auto expect = [](const std::string& line, std::int64_t pieces, int parts) {
    expect_agreement(line);
    const Problem p = Problem::parse(line);
    const Geometry g = lower(p);
    const test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 1);
    const emulator::Recorder recorder;
    (void)test::run_guarded(device(), depthwise_engine(), p, operands);
    const emulator::Report report = recorder.reports().at(1);
    EXPECT_EQ(report.kernel, "depthwise_gradient_sum");
    const double elements = static_cast<double>(g.channels * g.taps());
    EXPECT_EQ(static_cast<double>(report.counters.read.useful_bytes),
              4 * elements * static_cast<double>(pieces));
    EXPECT_EQ(gradient_parts(pieces), parts);
    EXPECT_EQ(report.grid.x, divide_up(g.channels * g.taps(), gather_threads / parts));
  };
  expect("op=wgrad dtype=f32 n=130 c=1 in=4x8 k=1 f=3x3 pad=1", 130, 16);
  expect("op=wgrad dtype=f32 n=40 c=3 in=4x8 k=3 f=3x3 pad=1 g=3", 40, 4);
}

// Its model, from the machine code: what a thread waits for, not the bytes, where elements are few.
TEST(DepthwiseGradientSum, TakesAsLongAsItsLongestThread) {
  const GpuMachine h200 = *find_gpu_machine("h200");
  const Geometry few = lower(Problem::parse("op=wgrad dtype=f32 n=1 c=1 in=900x900 k=1 f=3x3"));
  // 2,112 pieces by 32 threads: 66 each, eight of them on their way at a time.
  EXPECT_EQ(gradient_parts(2112), 32);
  const Prediction waits = predict(h200, gradient_sum_run(few, 2112, DType::f32));
  EXPECT_EQ(waits.bound, Bound::latency);
  constexpr double latency = 478.8;  // clocks of global memory
  EXPECT_GT(waits.us - h200.launch_us, 66.0 / 8 * latency / h200.clock_mhz);
  EXPECT_LT(waits.us - h200.launch_us, 66.0 / 4 * latency / h200.clock_mhz)
      << "pieces no longer arrive eight at a time";
  EXPECT_LT(predict(h200, gradient_sum_run(few, 16, DType::f32)).us, waits.us);
  // Many elements: the memory.
  const Geometry many =
      lower(Problem::parse("op=wgrad dtype=f32 n=1 c=40000 in=9x9 k=40000 f=9x9 g=40000"));
  const Prediction bytes = predict(h200, gradient_sum_run(many, 16, DType::f32));
  EXPECT_EQ(bytes.bound, Bound::memory);
  EXPECT_GE(bytes.us, h200.launch_us + 17.0 * 40000 * 81 * 4 / (0.88 * 4.27e6));
}

// Channels last: tiles read one row and column of each neighbour, products are the problem's, in
// full sectors, without conflicts.
TEST(DepthwiseChannels, MovesAndMultipliesWhatItsHeaderSays) {
  const auto expect = [](const std::string& line, double reads) {
    const Problem p = Problem::parse(line);
    const emulator::Report report = run_once(line);
    EXPECT_EQ(report.kernel, "depthwise_channels");
    const emulator::Counters& c = report.counters;
    // Every block reads its filters.
    const double bytes = static_cast<double>(size_of(p.input));
    const Geometry g = lower(p);
    const ChannelsTiling t = channels_tiling(g, static_cast<int>(bytes));
    const double filters = static_cast<double>(divide_up(t.tiles, t.run)) * t.words * 4 *
                           static_cast<double>(g.taps());
    const double x = static_cast<double>(element_count(p.x_shape())) * bytes;
    EXPECT_LE(32.0 * static_cast<double>(c.read.cluster_sectors), reads * x + filters) << line;
    EXPECT_EQ(c.write.redundancy(), 1) << line;
    EXPECT_EQ(c.write.sector_use(), 1) << line;
    EXPECT_LE(c.shared.conflict_factor(), 1.1) << line;
    EXPECT_EQ(static_cast<double>(c.multiply_adds), p.multiply_adds()) << line;
  };
  expect("op=fwd dtype=f16 n=2 c=64 in=32x32 k=64 f=3x3 pad=1 g=64 layout=nhwc",
         38.0 * 34 / 1024);  // 8 x 16 outputs
  expect("op=fwd dtype=f32 n=2 c=32 in=32x32 k=32 f=3x3 pad=1 g=32 layout=nhwc", 38.0 * 34 / 1024);
  // 16 x 16; 16 words, so two sub-tiles share a wavefront.
  expect("op=fwd dtype=bf16 n=2 c=96 in=32x32 k=96 f=3x3 pad=1 g=96 layout=nhwc", 17.0 * 17 / 256);
  // 8 x 8 outputs from 16 x 16 inputs and a row before them.
  expect("op=fwd dtype=f16 n=2 c=32 in=32x32 k=32 f=3x3 pad=1 stride=2 g=32 layout=nhwc",
         17.0 * 17 / 256);
}

// An infinite tap meets nothing beyond a zero boundary, so those outputs stay finite.
void expect_mended(const std::string& line, int min) {
  const Problem p = Problem::parse(line);
  test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 5);
  operands.second.set({0, 0, 0, 0}, std::numeric_limits<double>::infinity());
  const test::Array result = test::run_guarded(device(), depthwise_engine(), p, operands);
  const test::Array reference = expected(p, operands);
  int finite = 0;
  for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
    const bool wanted = std::isfinite(reference.get(index).real());
    EXPECT_EQ(wanted, std::isfinite(result.get(index).real())) << index;
    if (wanted) {
      EXPECT_EQ(reference.get(index), result.get(index)) << index;
      ++finite;
    }
  });
  EXPECT_GE(finite, min);
}

TEST(DepthwiseWindow, MendsSumsWhereNothingStands) {
  expect_mended("op=fwd dtype=f32 n=1 c=1 in=18x32 k=1 f=3x3 pad=1", 18 + 31);
  expect_mended("op=fwd dtype=f32 n=1 c=1 in=18x32 k=1 f=3x3 pad=2 dil=2", 2 * (18 + 30));
  expect_mended("op=fwd dtype=f32 n=1 c=1 in=18x32 k=1 f=3x3 pad=1 stride=2", 9 + 15);
}

TEST(DepthwiseChannels, MendsSumsWhereNothingStands) {
  expect_mended("op=fwd dtype=f32 n=1 c=8 in=8x9 k=8 f=3x3 pad=1 g=8 layout=nhwc", 8 + 8);
  expect_mended("op=fwd dtype=f16 n=1 c=8 in=8x9 k=8 f=2x2 pad=1 dil=2 g=8 layout=nhwc", 8 + 8);
}

}  // namespace
}  // namespace faltung::cuda::depthwise
