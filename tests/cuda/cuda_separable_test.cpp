#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>

#include "cuda/direct/direct_engine.hpp"
#include "cuda/separable/separable_launch.hpp"
#include "cuda/separable/separable_lowering.hpp"
#include "cuda/separable/separable_policy.hpp"
#include "cuda/separable/volume_policy.hpp"
#include "tests/cuda/separable_support.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/support/problem_file.hpp"

namespace faltung::cuda::separable {
namespace {

class Separable : public ::testing::TestWithParam<std::string> {};

// Exact on small integers (but sums of several outer products), within the derived bound on reals,
// the same bits from poisoned memory and from a bound filter.
TEST_P(Separable, AgreesWithTheReference) {
  const Problem p = Problem::parse(GetParam());
  const Offer offer = separable_engine().offer(p, Device::cuda(0));
  ASSERT_TRUE(offer) << offer.refusal;
  const test::Operands small = filled(p, test::Fill::small_integers);
  const test::Array result = actual(p, small);
  if (p.separable > 1) {
    EXPECT_LE(share_of_bound(p, small), 1);
  } else {
    EXPECT_TRUE(test::equal_elements(expected(p, small), result));
  }
  EXPECT_TRUE(test::same_elements(
      result, actual(p, small, {.poison = std::byte{0x5a}, .bind_filter = true})));
  if (is_integer(p.accumulator)) {
    const test::Operands whole = filled(p, test::Fill::whole_range);
    EXPECT_TRUE(test::same_elements(expected(p, whole), actual(p, whole)));
  } else {
    const test::Operands reals = filled(p, test::Fill::reals);
    EXPECT_LE(share_of_bound(p, reals), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, Separable,
                         ::testing::ValuesIn(test::problem_lines("tests/problems/separable.txt")));

// A filter that is no outer product, whatever the caller promised: summed by the definition.
TEST(SeparablePromise, IsCheckedAgainstEveryTap) {
  for (const char* line :
       {"op=filter dtype=f32 in=20x40 f=5x4 boundary=reflect sep=1",
        "op=fwd dtype=u8:i8:i32 n=1 c=1 in=20x40 k=1 f=3x3 pad=1 sep=1",
        "op=filter dtype=f32 in=20x40 f=9x9 boundary=reflect sep=2",
        "op=filter dtype=f32 in=4x6x9 f=3x3x3 boundary=reflect sep=1",
        "op=filter dtype=f32:f32:f64 in=4x6x9 f=3x3x3 boundary=wrap sep=1 math=fast"}) {
    const Problem p = Problem::parse(line);
    test::Operands operands = filled(p, test::Fill::small_integers);
    Extents last{0, 0};
    for (const Axis& axis : p.axes) last.push_back(axis.filter - 1);
    operands.second.set(last, operands.second.get(last) + 1.0);
    EXPECT_TRUE(test::equal_elements(expected(p, operands), actual(p, operands))) << line;
  }
}

TEST(SeparablePromise, IsCheckedWhenTheFilterIsBound) {
  for (const char* line : {"op=filter dtype=f32 in=20x40 f=5x4 boundary=reflect sep=1",
                           "op=fwd dtype=i64 n=1 c=2 in=4x6x9 k=2 f=3x3x3 pad=1 g=2 sep=1"}) {
    const Problem p = Problem::parse(line);
    test::Operands operands = filled(p, test::Fill::small_integers);
    const Extents first = Extents::filled(p.rank() + 2, 0);
    operands.second.set(first, operands.second.get(first) + 1.0);  // of one channel alone
    EXPECT_TRUE(
        test::equal_elements(expected(p, operands),
                             actual(p, operands, {.poison = std::byte{0xff}, .bind_filter = true})))
        << line;
  }
}

// Nothing is spread: an output is not finite only if the definition says so.
void expect_same_finite(const char* line, bool in_filter) {
  const Problem p = Problem::parse(line);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  test::Operands operands = filled(p, test::Fill::reals);
  const Extents first = Extents::filled(p.rank() + 2, 0);
  Extents middle{0, 0};
  for (const Axis& axis : p.axes) middle.push_back(axis.input / 2);
  if (in_filter) {
    operands.second.set(first, infinity);
  } else {
    operands.first.set(middle, infinity);
    Extents beside = first;  // sums along a row overflow, whole sums may not
    for (const std::int64_t x : {1, 2}) {
      beside[beside.size() - 1] = x;
      operands.first.set(beside, 3e38);
    }
  }
  const test::Array reference = expected(p, operands);
  const test::Array result = actual(p, operands);
  for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
    EXPECT_EQ(std::isfinite(reference.get(index).real()), std::isfinite(result.get(index).real()))
        << line << ' ' << index;
  });
}

TEST(SeparablePromise, KeepsNonFiniteValuesWhereTheDefinitionHasThem) {
  for (const bool in_filter : {false, true}) {
    expect_same_finite("op=fwd dtype=f32 n=1 c=1 in=24x40 k=1 f=5x5 pad=2 sep=1", in_filter);
    expect_same_finite("op=fwd dtype=f32 n=1 c=1 in=24x40 k=1 f=9x9 pad=4 sep=2", in_filter);
    expect_same_finite("op=fwd dtype=f32 n=1 c=1 in=6x8x10 k=1 f=3x3x3 pad=1 sep=1", in_filter);
    expect_same_finite("op=fwd dtype=f32 n=1 c=1 in=6x8x10 k=1 f=3x3x3 pad=1 alpha=2 sep=1",
                       in_filter);
  }
}

// One strip high, however small the image: as tall images are cut.
template <typename Acc>
emulator::Report run_tall(const Problem& p, PlaneTiling& s, const test::Operands& operands) {
  Arguments a;
  a.geometry = lower(p);
  a.x_type = p.input;
  a.w_type = p.filter;
  a.y_type = p.output;
  a.tolerance = tolerance_of(p);
  s = choose_strips(a.geometry, sizeof(Acc));
  s.rows = static_cast<int>(p.axes[0].output());
  s.steps = static_cast<int>(divide_up(s.rows + s.lag, step_rows));
  count_tiles(a.geometry, s);
  s.x_vectors = s.y_vectors = true;
  s.shift = static_cast<int>(positive_remainder(-p.axes[1].pad_lo, Shape<sizeof(Acc)>::vector));
  a.max = std::numeric_limits<float>::max();
  const test::GuardedMemory x(device(), operands.first.bytes());
  const test::GuardedMemory w(device(), operands.second.bytes());
  const test::GuardedMemory y(device(), operands.before.bytes());
  a.x = Global<const unsigned char>(reinterpret_cast<unsigned char*>(x.data()));
  a.w = Global<const unsigned char>(reinterpret_cast<unsigned char*>(w.data()));
  a.y = Global<unsigned char>(reinterpret_cast<unsigned char*>(y.data()));
  const emulator::Recorder recorder;
  start<Acc>(a, s, LaunchQueue::load_only());
  start<Acc>(a, s, nullptr);
  emulator::print(std::cout, recorder.reports());
  return recorder.reports().at(0);
}

// Reads each element of a strip and of the filter's reach once, in whole sectors, writes each
// output once, sums each axis by itself, and its lanes share no bank.
void expect_counters(const char* line) {
  SCOPED_TRACE(line);
  const Problem p = Problem::parse(line);
  PlaneTiling s;
  const test::Operands operands = filled(p, test::Fill::reals);
  const emulator::Report report = p.accumulator == DType::f32 ? run_tall<float>(p, s, operands)
                                                              : run_tall<double>(p, s, operands);
  // Strips side by side both read the columns where they meet; each block reads the taps, those of
  // a column of the filter a sector each.
  const double size = static_cast<double>(size_of(p.input));
  double row_bytes = 0;  // rows and strips start with a sector of 32
  for (std::int64_t i = 0; i < s.tiles_x; ++i) {
    const auto columns = std::min<std::int64_t>(s.stage_columns, p.axes[1].input - i * s.cols);
    row_bytes += 32 * std::ceil(static_cast<double>(columns) * size / 32);
  }
  const double taps = static_cast<double>(p.axes[0].filter * p.axes[1].filter) * size;
  const auto height = static_cast<double>(p.axes[0].input);
  const double blocks = static_cast<double>(s.tiles_x);
  const double read =
      height * row_bytes + blocks * (taps + 64 + 32 * static_cast<double>(p.axes[0].filter));
  const double reach = read / (height * static_cast<double>(p.axes[1].input) * size + taps);
  EXPECT_LE(reach, 1.25);
  EXPECT_NO_THROW(emulator::expect_within(
      report, {.conflict_factor = 1.1, .read_sector_use = 0.9, .read_redundancy = reach}));
  const auto across = static_cast<double>(p.axes[1].output());
  const double outputs = static_cast<double>(p.axes[0].output()) * across;
  const double rows = s.steps * step_rows;
  // Along the rows of all steps, down the columns, and the check of the sums; then the factors.
  const double max = rows * across * static_cast<double>(p.axes[1].filter + s.shift) +
                     outputs * static_cast<double>(p.axes[0].filter + 1) + 4000;
  EXPECT_LE(static_cast<double>(report.counters.multiply_adds), max);
}

TEST(SeparableCounters, AreThoseOfTheKernelsHeader) {
  expect_counters("op=fwd dtype=f32 n=1 c=1 in=160x280 k=1 f=25x25 sep=1");
  expect_counters("op=fwd dtype=f32 n=1 c=1 in=160x264 k=1 f=9x9 sep=1");
  expect_counters("op=fwd dtype=f32 n=1 c=1 in=154x264 k=1 f=3x9 sep=1");
  expect_counters("op=fwd dtype=f64 n=1 c=1 in=128x152 k=1 f=25x25 sep=1");
}

TEST(SeparableCounters, OfEqualTapsAreAMultiplyAddForEachOutput) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=1 c=1 in=176x304 k=1 f=49x49 sep=1");
  test::Operands operands = filled(p, test::Fill::reals);
  operands.second.fill([](const Extents&) { return 0.25; });
  PlaneTiling s;
  const emulator::Report report = run_tall<float>(p, s, operands);
  EXPECT_LE(report.counters.multiply_adds, 128 * 256 + 8000);
  EXPECT_NO_THROW(emulator::expect_within(
      report, {.conflict_factor = 1.1, .read_sector_use = 0.9, .read_redundancy = 1.5}));
}

// A tile alone: reads a slice with the filter's reach once, in whole sectors, and writes each
// output once. 9 taps down cost 9 of 1.25 rows: 40 lines for 32 of results.
TEST(SeparableCounters, OfVolumesAreThoseOfTheKernelsHeader) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=1 c=1 in=24x40x72 k=1 f=9x9x9 sep=1");
  Arguments a;
  a.geometry = lower(p);
  const VolumeTiling s = choose_tiles(a.geometry, 4, true);
  EXPECT_EQ(s.rows, 32);
  const test::Operands operands = filled(p, test::Fill::reals);
  const emulator::Recorder recorder;
  (void)actual(p, operands);
  emulator::print(std::cout, recorder.reports());
  const emulator::Report& report = recorder.reports().at(0);
  EXPECT_EQ(report.kernel, "volume_kernel");
  // Tiles that follow in depth read the 8 slices where they meet again, and all read the taps:
  // those across a sector each.
  const double slices = 24 + 8.0 * static_cast<double>(s.tiles_z - 1);
  const double slice = 40.0 * 72 * 4;
  const double taps = 9.0 * 9 * 9 * 4;
  const double read = slices * slice + static_cast<double>(s.tiles_z) * (taps + 64 + 2 * 9 * 32);
  EXPECT_NO_THROW(emulator::expect_within(report, {.conflict_factor = 1.1,
                                                   .read_sector_use = 0.85,
                                                   .read_redundancy = read / (24 * slice + taps)}));
  const double outputs = 64.0 * 32;
  const double all = slices * outputs * (9 * 1.25 + 9 + 9) + 16 * outputs;
  EXPECT_LE(static_cast<double>(report.counters.multiply_adds),
            all + 500 * static_cast<double>(s.tiles_z));
}

TEST(SeparableTiles, FillTheMultiprocessorsOnce) {
  const Geometry g = lower(Problem::parse("op=filter dtype=f32 in=512x512x512 f=9x9x9 sep=1"));
  const VolumeTiling s = choose_tiles(g, 4, true);
  EXPECT_EQ(s.tiles_z, 2);
  EXPECT_EQ(s.tiles, 256);
}

// What the prediction of the target rests on.
TEST(SeparableStrips, ReadLittleTwice) {
  const Geometry g = lower(Problem::parse("op=filter dtype=f32 in=4096x4096 f=25x25 sep=1"));
  const PlaneTiling s = choose_strips(g, 4);
  EXPECT_EQ((s.rows + s.lag) % step_rows, 0);
  EXPECT_LE(static_cast<double>((s.tiles_y - 1) * 24), 0.045 * 4096);
  EXPECT_LE(s.tiles, 2 * 132);
}

// Wherever the filter is declared an outer product and not tiny, it costs less than the dense sum.
TEST(SeparableEstimate, WinsWhereItMovesOrSumsLess) {
  const auto estimates = [](const char* line) {
    const Problem p = Problem::parse(line);
    return std::pair(separable_engine().offer(p, Device::cuda(0)).estimate_us,
                     direct_engine().offer(p, Device::cuda(0)).estimate_us);
  };
  for (const char* line : {"op=filter dtype=f32 in=4096x4096 f=25x25 boundary=reflect sep=1",
                           "op=filter dtype=f32 in=4096x4096 f=11x11 boundary=reflect sep=1",
                           "op=filter dtype=f64 in=4096x4096 f=15x15 boundary=wrap sep=1",
                           "op=filter dtype=f32 in=4096x4096 f=15x15 boundary=reflect sep=2",
                           "op=filter dtype=f32 in=512x512x512 f=9x9x9 boundary=reflect sep=1"}) {
    const auto [separable, direct] = estimates(line);
    EXPECT_LT(separable, direct) << line;
  }
  const auto [separable, direct] = estimates("op=filter dtype=f32 in=4096x4096 f=3x3 sep=1");
  EXPECT_LT(direct, separable) << "memory binds both, and the factors must be found first";
}

TEST(SeparableRefusals, NameTheReasonAndTheWayOut) {
  const auto reason = [](const char* line) {
    return separable_engine().offer(Problem::parse(line), Device::cuda(0)).refusal;
  };
  EXPECT_NE(reason("op=filter dtype=f32 in=9x9 f=3x3").find("sep=1"), std::string::npos);
  EXPECT_NE(reason("op=filter dtype=f32 in=9 f=3 sep=1").find("nothing to separate"),
            std::string::npos);
  EXPECT_NE(reason("op=filter dtype=f16 in=9x9 f=3x3 sep=1").find("math=fast"), std::string::npos);
  EXPECT_NE(reason("op=fwd dtype=f32 n=1 c=2 in=9x9 k=1 f=3x3 sep=1").find("2 channels"),
            std::string::npos);
  EXPECT_NE(reason("op=fwd dtype=f32 n=1 c=1 in=9x9 k=1 f=3x3 stride=2 sep=1").find("stride 2"),
            std::string::npos);
  EXPECT_NE(reason("op=filter dtype=f32 in=9x9 f=3x3 sep=2").find("may err more"),
            std::string::npos);
  EXPECT_NE(reason("op=filter dtype=f32 in=9x9x9 f=9x9x9 sep=2").find("of 2 axes"),
            std::string::npos);
  EXPECT_NE(reason("op=fwd dtype=u8:i8:i32 n=1 c=1 in=9x9 k=1 f=9x9 sep=2").find("exact"),
            std::string::npos);
  EXPECT_NE(reason("op=filter dtype=f16 in=9x9 f=9x9 sep=2 math=fast").find("filter as f32"),
            std::string::npos);
  EXPECT_NE(reason("op=fwd dtype=c64 n=1 c=1 in=9x9 k=1 f=3x3 sep=1").find("real"),
            std::string::npos);
  EXPECT_NE(reason("op=filter dtype=f32 in=9999x9999 f=3x2001 sep=1").find("shared memory"),
            std::string::npos);
}

}  // namespace
}  // namespace faltung::cuda::separable
