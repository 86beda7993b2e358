#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <faltung/error.hpp>
#include <faltung/problem.hpp>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/problem_file.hpp"
#include "tests/support/random_problem.hpp"

namespace faltung {
namespace {

TEST(Notation, PrintThenParseIsTheIdentity) {
  constexpr std::uint64_t seed = 20261120;
  test::RandomProblems next(seed);
  std::set<std::string> keys;
  for (int i = 0; i < 10000; ++i) {
    const Problem problem = next();
    const std::string text = to_string(problem);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", problem " + std::to_string(i) + ": " + text);
    Problem parsed;
    ASSERT_NO_THROW(problem.validate());
    ASSERT_NO_THROW(parsed = Problem::parse(text));
    ASSERT_EQ(parsed, problem);
    ASSERT_EQ(to_string(parsed), text);
    ASSERT_EQ(std::hash<Problem>{}(parsed), std::hash<Problem>{}(problem));
    std::istringstream words(text);
    for (std::string word; words >> word;) keys.insert(word.substr(0, word.find('=')));
  }
  EXPECT_EQ(keys.size(), 28u);  // every key of docs/notation.md was there
}

// Lengths near the limit of 64 bits survive too.
TEST(Notation, LongNumbersSurvive) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto number = [&](int bits) {
      return static_cast<std::int64_t>(random() >> (64 - bits));
    };
    Problem p;
    Axis& axis = p.axes.emplace_back();
    axis.input = number(55);
    axis.filter = 1 + number(20);
    axis.dilation = 1 + number(30);
    axis.stride = 1 + number(60);
    axis.pad_lo = number(50) - number(50);
    axis.pad_hi = number(50);
    p.x_strides = {number(62), -number(62), -number(6)};
    EXPECT_EQ(Problem::parse(to_string(p)), p) << p;
  }
}

TEST(Notation, EveryProblemFileParsesAndItsCanonicalFormToo) {
  for (const char* path : {"tests/problems/smoke.txt", "tests/problems/basic.txt",
                           "tests/problems/empty.txt", "bench/problems/standard.txt"}) {
    const std::vector<std::string> lines = test::problem_lines(path);
    EXPECT_GE(lines.size(), 20u) << path;
    for (const std::string& line : lines) {
      SCOPED_TRACE(path + (": " + line));
      Problem problem;
      ASSERT_NO_THROW(problem = Problem::parse(line));
      const std::string text = to_string(problem);
      EXPECT_EQ(Problem::parse(text), problem) << text;
      EXPECT_EQ(to_string(Problem::parse(text)), text);
    }
  }
  EXPECT_EQ(test::problem_lines("bench/problems/standard.txt").size(), 60u);
}

TEST(Notation, SmallProblemFilesAreSmallAndSayWhatTheyCover) {
  for (const char* path : {"tests/problems/smoke.txt", "tests/problems/basic.txt"}) {
    for (const std::string& line : test::problem_lines(path)) {
      EXPECT_LT(Problem::parse(line).multiply_adds(), 200e3) << line;
      EXPECT_GT(Problem::parse(line).multiply_adds(), 0) << line;
      EXPECT_NE(line.find(" # "), std::string::npos) << line;
    }
  }
}

// What to_string prints, character by character.
TEST(Notation, PrintsTheCanonicalForm) {
  Problem p;
  p.axes = {Axis{.input = 9}, Axis{.input = 8, .filter = 3}};
  EXPECT_EQ(to_string(p), "op=fwd dtype=f32 n=1 c=1 in=9x8 k=1 f=1x3");

  p.pass = Pass::backward_filter;
  p.batch = 2;
  p.in_channels = 6;
  p.out_channels = 4;
  p.groups = 2;
  p.input = p.filter = f16;
  p.accumulator = f64;
  p.layout = Layout::channels_last;
  p.axes[0].stride = p.axes[1].stride = 2;
  p.axes[0].pad_lo = -1;
  p.axes[1].pad_lo = p.axes[1].pad_hi = 3;
  p.axes[1].dilation = 2;
  p.axes[0].input_dilation = 3;
  p.axes[0].below = Boundary::wrap();
  p.axes[1].below = p.axes[1].above = Boundary::constant(-0.1);
  p.flip = p.conjugate = true;
  p.separable = 3;
  p.math = Math::fast;
  p.overflow = Overflow::saturate;
  p.rounding = Rounding::nearest_even;
  p.epilogue = {.alpha = 0.1, .beta = 1e22, .bias = false, .activation = Activation::clamp(0, 6)};
  p.y_strides = {-400, 40, 4, 1};
  EXPECT_EQ(to_string(p),
            "op=wgrad dtype=f16:f16:f32 acc=f64 n=2 c=6 in=9x8 k=4 f=1x3 stride=2 pad=-1:0x3 "
            "dil=1x2 idil=3x1 g=2 layout=nhwc boundary=wrap:zeroxconstant(-0.1) flip=1 conj=1 "
            "sep=3 math=fast overflow=saturate round=nearest_even alpha=0.1 beta=1e+22 "
            "act=clamp(0,6) ystrides=-400,40,4,1");
  std::ostringstream stream;
  stream << p;
  EXPECT_EQ(stream.str(), to_string(p));
}

struct Lowering {
  const char* line;
  const char* canonical;
};

TEST(Notation, LowersSugarAndAbbreviations) {
  const Lowering table[] = {
      // Pads: reference table of SciPy's modes; even filters lean to the front.
      {"op=signal dtype=f32 in=10 f=4", "op=fwd dtype=f32 n=1 c=1 in=10 k=1 f=4 pad=2:1 flip=1"},
      {"op=signal dtype=f32 in=10 f=5 mode=same",
       "op=fwd dtype=f32 n=1 c=1 in=10 k=1 f=5 pad=2 flip=1"},
      {"op=signal dtype=c64 b=7 in=10 f=4 mode=full method=fft",
       "op=fwd dtype=c64 n=7 c=1 in=10 k=1 f=4 pad=3 flip=1"},
      {"op=signal dtype=f32 in=10x9 f=4x3 mode=valid",
       "op=fwd dtype=f32 n=1 c=1 in=10x9 k=1 f=4x3 flip=1"},
      {"op=signal dtype=f32 in=3x9 f=5x9 mode=valid",
       "op=fwd dtype=f32 n=1 c=1 in=3x9 k=1 f=5x9 pad=2x0 flip=1"},
      {"op=signal dtype=i16 acc=i64 in=10 f=4",
       "op=fwd dtype=i16 acc=i64 n=1 c=1 in=10 k=1 f=4 pad=2:1 flip=1"},
      {"op=signal dtype=tf32 in=10 f=1", "op=fwd dtype=f32 n=1 c=1 in=10 k=1 f=1 flip=1 math=fast"},
      // ndimage.convolve: an even filter leans to the back.
      {"op=filter dtype=f32 in=10 f=4",
       "op=fwd dtype=f32 n=1 c=1 in=10 k=1 f=4 pad=1:2 boundary=reflect flip=1"},
      {"op=filter dtype=f32 in=10 f=5 origin=-2 boundary=mirror",
       "op=fwd dtype=f32 n=1 c=1 in=10 k=1 f=5 pad=4:0 boundary=mirror flip=1"},
      {"op=filter dtype=f32 in=9x9 f=3x4 origin=1x-2 boundary=wrapxconstant(2)",
       "op=fwd dtype=f32 n=1 c=1 in=9x9 k=1 f=3x4 pad=0:2x3:0 boundary=wrapxconstant(2) flip=1"},
      {"op=filter dtype=u8 b=3 in=9x9 f=3 sep=1",
       "op=fwd dtype=u8:f32:u8 n=3 c=1 in=9x9 k=1 f=3x3 pad=1 boundary=reflect flip=1 sep=1"},
      {"op=filter dtype=i32 in=9 f=1",
       "op=fwd dtype=i32:f64:i32 n=1 c=1 in=9 k=1 f=1 boundary=reflect flip=1"},
      {"op=filter dtype=u8:f64:f32 in=9 f=1",
       "op=fwd dtype=u8:f64:f32 n=1 c=1 in=9 k=1 f=1 boundary=reflect flip=1"},
      {"op=long dtype=f16 n=2 c=3 in=16 f=5",
       "op=fwd dtype=f16 n=2 c=3 in=16 k=3 f=5 pad=4:0 g=3 flip=1"},
      // The same problem in other words.
      {"op=fwd f=3 in=9x9 dtype=f32 k=1 pad=1:1 stride=1x1",
       "op=fwd dtype=f32 n=1 c=1 in=9x9 k=1 f=3x3 pad=1"},
      {"  op=fwd\tdtype=f32:f32:f32 acc=f32 in=9 f=3 boundary=constant flip=0 # nothing new\r\n",
       "op=fwd dtype=f32 n=1 c=1 in=9 k=1 f=3 boundary=constant(0)"},
      {"op=dgrad dtype=f32 in=9 f=3 boundary=zero:zero beta=0.50 act=leaky_relu(1e-1) bias=0",
       "op=dgrad dtype=f32 n=1 c=1 in=9 k=1 f=3 beta=0.5 act=leaky_relu(0.1)"},
      {"op=fwd dtype=c64 in=9 f=3 boundary=constant(1,-2):nearest",
       "op=fwd dtype=c64 n=1 c=1 in=9 k=1 f=3 boundary=constant(1,-2):nearest"},
      {"op=fwd dtype=f32 in=9 f=3 boundary=constant(inf):constant(nan)",
       "op=fwd dtype=f32 n=1 c=1 in=9 k=1 f=3 boundary=constant(inf):constant(nan)"},
  };
  for (const auto& [line, canonical] : table) {
    SCOPED_TRACE(line);
    EXPECT_EQ(to_string(Problem::parse(line)), canonical);
    EXPECT_EQ(to_string(Problem::parse(canonical)), canonical);
  }
}

TEST(Notation, SugarOutputsAreAsLongAsSciPys) {
  const auto output = [](const std::string& line) {
    return Problem::parse("op=signal dtype=f32 " + line).axes.front().output();
  };
  for (const std::int64_t n : {0, 1, 2, 3, 7, 8}) {
    for (const std::int64_t k : {1, 2, 3, 4, 7, 20}) {
      const std::string extents = "in=" + std::to_string(n) + " f=" + std::to_string(k);
      SCOPED_TRACE(extents);
      EXPECT_EQ(output(extents + " mode=full"), n == 0 ? 0 : n + k - 1);
      EXPECT_EQ(output(extents), n);
      EXPECT_EQ(output(extents + " mode=valid"), n == 0 ? 0 : std::abs(n - k) + 1);
    }
  }
}

TEST(Notation, ErrorsNameWordColumnAndRule) {
  const auto message = [](const char* line) -> std::string {
    try {
      (void)Problem::parse(line);
    } catch (const InvalidProblem& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message("op=fwd dtype=f32 in=9 f=3 bias=2"),
            "problem notation: \"bias=2\" at column 27: a flag is 0 or 1");
  EXPECT_EQ(message("op=fwd dtype=f32 in=9 f=3 layout=chwn"),
            "problem notation: \"layout=chwn\" at column 27: the value is one of nchw, nhwc");
  EXPECT_EQ(message("  op=fwd dtype=f32 in=9 pad=1 f=3 pad=1"),
            "problem notation: \"pad=1\" at column 35: the key is already there; give every key "
            "once");
}

TEST(Boundary, PrintsWhatItReads) {
  std::mt19937_64 random(7);
  std::vector<Boundary> boundaries = {Boundary::zero(),    Boundary::constant(0),
                                      Boundary::nearest(), Boundary::reflect(),
                                      Boundary::mirror(),  Boundary::wrap()};
  while (boundaries.size() < 2000) {
    const auto real = std::bit_cast<double>(random());
    const auto imag = boundaries.size() % 2 == 0 ? std::bit_cast<double>(random()) : 0;
    if (!std::isnan(real) && !std::isnan(imag)) {
      boundaries.push_back(Boundary::constant({real, imag}));
    }
  }
  for (const Boundary& boundary : boundaries) {
    EXPECT_EQ(Boundary::parse(to_string(boundary)), boundary) << boundary;
  }
  EXPECT_EQ(Boundary::parse("constant:-1.5"), Boundary::constant(-1.5));
  EXPECT_EQ(Boundary::parse("constant"), Boundary::constant(0));
  EXPECT_TRUE(std::isnan(Boundary::parse("constant(nan)").value.real()));
  EXPECT_EQ(to_string(Boundary::constant({0, -1})), "constant(0,-1)");
}

TEST(Boundary, RefusesAnythingElse) {
  for (const char* text : {"",
                           "edge",
                           "Zero",
                           "zero ",
                           "constant(",
                           "constant()",
                           "constant)",
                           "constant(1,2,3)",
                           "constant(1,)",
                           "constant(1 )",
                           "constant(0x1)",
                           "constant:",
                           "constant:1,2",
                           "constant(1e999)",
                           "nearest(1)",
                           "wrap()",
                           "constant(1)(2)",
                           "constant1",
                           "(1)",
                           "1.5"}) {
    try {
      (void)Boundary::parse(text);
      ADD_FAILURE() << text << " accepted";
    } catch (const InvalidProblem& error) {
      EXPECT_NE(std::string(error.what()).find('"' + std::string(text) + '"'), std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace faltung
