// Lines of suites that name a front end's function: how they are read, and that a wrong result of
// each shows.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/tools/bench/call.hpp"
#include "tests/support/refusal.hpp"

namespace faltung::bench {
namespace {

constexpr std::uint64_t seed = 3;

// What the benchmark says of a result of which every element is one too large, or none.
double ratio(const std::string& line, bool wrong) {
  const auto work = make_work(parse_call(line), "", seed);
  Tensor result = work->run();
  visit_dtype(result.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!is_complex(dtype_of<T>) && size_of(dtype_of<T>) != 2) {
      for (T& element : result.values<T>()) {
        if (wrong) element = static_cast<T>(element + static_cast<T>(1));
      }
    }
  });
  const ErrorCheck check = work->check(result, seed);
  EXPECT_GT(check.elements, 0) << line;
  return check.ratio;
}

TEST(BenchCalls, WrongResultsShow) {
  for (const char* line : {"call=image.median_filter dtype=u8 in=40x50 size=5x4",
                           "call=image.median_filter dtype=f32 in=300 size=7",
                           "call=image.percentile_filter dtype=f64 in=9x8x7 size=3 percentile=12.5",
                           "call=image.uniform dtype=u8 in=40x50 size=5x4",
                           "call=image.uniform dtype=f32 in=70x30 size=3x41",
                           "call=image.uniform dtype=f64 in=2000 size=9",
                           "call=image.uniform dtype=i32 in=9x8x7 size=3",
                           "call=signal.sepfir2d dtype=f32 in=40x50 f=5x9",
                           "call=signal.sepfir2d dtype=f64 in=30x20 f=41",
                           "call=signal.upfirdn dtype=f32 in=500 f=61 up=3 down=2",
                           "call=signal.upfirdn dtype=f64 in=5000 f=2001"}) {
    EXPECT_LE(ratio(line, false), 1) << line;
    EXPECT_GT(ratio(line, true), 1) << line;
  }
}

TEST(BenchCalls, CountWhatTheDefinitionTakes) {
  const auto median =
      make_work(parse_call("call=image.median_filter dtype=u16 in=20x30 size=3"), "", seed);
  EXPECT_EQ(median->bytes(), 2 * 2 * 20 * 30);
  EXPECT_EQ(median->multiply_adds(), 9 * 20 * 30);
  const auto mean =
      make_work(parse_call("call=image.uniform dtype=f64 in=20x30 size=3x5"), "cpu.direct", seed);
  EXPECT_EQ(mean->bytes(), 2 * 8 * 20 * 30);
  EXPECT_EQ(mean->multiply_adds(), 8 * 20 * 30);
  EXPECT_EQ(mean->engine(), "cpu.direct");
  const auto image =
      make_work(parse_call("call=signal.sepfir2d dtype=f32 in=20x30 f=3x5"), "", seed);
  EXPECT_EQ(image->multiply_adds(), 8 * 20 * 30);
  // ceil((99 * 3 + 31) / 2) results, of every third tap each.
  const auto line =
      make_work(parse_call("call=signal.upfirdn dtype=f64 in=100 f=31 up=3 down=2"), "", seed);
  EXPECT_EQ(line->bytes(), 8 * (100 + 164));
  EXPECT_EQ(line->multiply_adds(), 164 * 31 / 3.0);
}

TEST(BenchCalls, RefusedLinesNameTheWord) {
  const std::pair<const char*, const char*> lines[] = {
      {"call=image.gauss dtype=u8 in=4 size=3", "call is 'image.gauss'; use one of image.median"},
      {"call=image.median_filter in=4 size=3", "dtype is missing"},
      {"call=image.median_filter dtype=u9 in=4 size=3", "dtype is 'u9'"},
      {"call=image.median_filter dtype=c64 in=4 size=3", "dtype is 'c64'"},
      {"call=image.median_filter dtype=u8 size=3", "in is missing"},
      {"call=image.median_filter dtype=u8 in=4x-1 size=3", "in is '-1'"},
      {"call=image.median_filter dtype=u8 in=4", "size is missing"},
      {"call=image.median_filter dtype=u8 in=4x4 size=3x3x3", "size is 3x3x3, in has 2 axes"},
      {"call=image.median_filter dtype=u8 in=4 size=3 f=2", "f=2: image.median_filter takes no"},
      {"call=image.median_filter dtype=u8 in=4 size=3 size=5", "size is given twice"},
      {"call=image.median_filter dtype=u8 in=4 size", "'size' has no value"},
      {"call=image.percentile_filter dtype=u8 in=4 size=3 percentile=101", "percentile is '101'"},
      {"call=signal.sepfir2d dtype=u8 in=4x4 f=3", "dtype is u8"},
      {"call=signal.sepfir2d dtype=f32 in=4 f=3", "in has 1 axes"},
      {"call=signal.upfirdn dtype=f32 in=4 f=3 up=0", "up is '0'"}};
  for (const auto& refused : lines) EXPECT_REFUSED(parse_call(refused.first), refused.second);
  EXPECT_THROW(
      (void)make_work(parse_call("call=image.median_filter dtype=u8 in=4 size=3"), "cpu.fft", seed),
      NoEngine);
}

}  // namespace
}  // namespace faltung::bench
