#include <gtest/gtest.h>

#include <cstdint>
#include <faltung/problem.hpp>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/problem_file.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  EXPECT_GE(parts.size(), 2u) << "name the field with its value, and the rule";
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos)
        << "expected: " << part << "\nmessage: " << message;
  }
}

std::vector<std::string> split_by(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at != std::string_view::npos;) {
    const std::size_t end = text.find(separator, at);
    parts.emplace_back(text.substr(at, end - at));
    at = end == std::string_view::npos ? end : end + separator.size();
  }
  return parts;
}

TEST(BadProblem, EveryBadLineIsRefusedByName) {
  std::ifstream file(test::source_path("tests/problems/bad.txt"));
  ASSERT_TRUE(file);
  int lines = 0;
  for (std::string row; std::getline(file, row);) {
    const std::vector<std::string> sides = split_by(row, "  =>  ");
    if (sides.size() != 2) {
      EXPECT_TRUE(row.empty() || row.front() == '#') << row;
      continue;
    }
    ++lines;
    SCOPED_TRACE(row);
    const std::string message = refusal_of([&] { (void)Problem::parse(sides[0]); });
    if (message.empty()) {
      ADD_FAILURE() << "accepted";
      continue;
    }
    expect_parts(message, split_by(sides[1], " | "));
  }
  EXPECT_GE(lines, 300);
}

Problem base() {
  Problem p{.batch = 2, .in_channels = 4, .out_channels = 6};
  p.axes = {Axis{.input = 9, .filter = 3}, Axis{.input = 8, .filter = 2}};
  return p;
}

// What the notation cannot say, or says only in part.
TEST(BadProblem, EveryBadFieldIsRefusedByName) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const struct {
    void (*spoil)(Problem&);
    std::vector<std::string> parts;
  } table[] = {
      {[](Problem& p) { p.axes.clear(); }, {"axes in=", "there are 0", "1 to 6"}},
      {[](Problem& p) { p.axes.resize(7); }, {"axes in=", "there are 7", "1 to 6"}},
      {[](Problem& p) { p.axes.resize(1000); }, {"axes in=", "there are 1000", "1 to 6"}},
      {[](Problem& p) { p.pass = Pass(3); }, {"pass op", "3", "names nothing"}},
      {[](Problem& p) { p.pass = Pass(255); }, {"pass op", "255", "names nothing"}},
      {[](Problem& p) { p.input = DType(14); }, {"input dtype", "14", "names nothing"}},
      {[](Problem& p) { p.filter = DType(200); }, {"filter dtype", "200", "names nothing"}},
      {[](Problem& p) { p.output = DType(14); }, {"output dtype", "14", "names nothing"}},
      {[](Problem& p) { p.accumulator = DType(99); }, {"accumulator acc", "99", "names nothing"}},
      {[](Problem& p) { p.layout = Layout(2); }, {"layout", "2", "names nothing"}},
      {[](Problem& p) { p.math = Math(3); }, {"math", "3", "names nothing"}},
      {[](Problem& p) { p.overflow = Overflow(7); }, {"overflow", "7", "names nothing"}},
      {[](Problem& p) { p.rounding = Rounding(2); }, {"rounding round", "2", "names nothing"}},
      {[](Problem& p) { p.epilogue.activation.kind = ActivationKind(6); },
       {"activation act", "6", "names nothing"}},
      {[](Problem& p) { p.axes[1].below.kind = BoundaryKind(6); },
       {"boundary below", "6", "names nothing"}},
      {[](Problem& p) { p.axes[1].above.kind = BoundaryKind(77); },
       {"boundary above", "77", "names nothing"}},
      {[](Problem& p) { p.axes[1].below.value = 3; },
       {"axis 1 boundary below", "zero takes no value", "3"}},
      {[](Problem& p) {
         p.axes[0].above = {BoundaryKind::wrap, {0, 2}};
       },
       {"axis 0 boundary above", "wrap takes no value", "constant(0,2)"}},
      {[](Problem& p) {
         p.axes[0].below = {BoundaryKind::mirror, nan};
       },
       {"axis 0 boundary below", "mirror takes no value", "nan"}},
      {[](Problem& p) {
         p.axes[0].below = Boundary::constant({0, nan});
       },
       {"axis 0 boundary below=constant(0,nan)", "input dtype=f32 is real"}},
      {[](Problem& p) { p.epilogue.activation.a = 1; },
       {"activation act=none", "a=1 b=0", "set it to 0"}},
      {[](Problem& p) {
         p.epilogue.activation = {ActivationKind::relu, 0, 2};
       },
       {"activation act=relu", "a=0 b=2", "set it to 0"}},
      {[](Problem& p) {
         p.epilogue.activation = {ActivationKind::leaky_relu, 0.1, 2};
       },
       {"activation act=leaky_relu", "a=0.1 b=2", "set it to 0"}},
      {[](Problem& p) {
         p.epilogue.activation = {ActivationKind::gelu, nan, 0};
       },
       {"activation act=gelu", "a=nan b=0", "set it to 0"}},
      {[](Problem& p) { p.epilogue.alpha = nan; }, {"epilogue alpha=nan", "must be finite"}},
      {[](Problem& p) { p.epilogue.beta = -nan; }, {"epilogue beta=", "nan", "must be finite"}},
      {[](Problem& p) { p.x_strides = Strides::filled(8, 1); },
       {"x_strides xstrides", "8 strides", "rank 4"}},
      {[](Problem& p) { p.y_strides = {1}; }, {"y_strides ystrides", "1 strides", "rank 4"}},
      {[](Problem& p) {
         p.input = p.filter = p.output = i16;
         p.accumulator = i32;
         p.overflow = Overflow::saturate;
       },
       {"accumulator acc=i32 can overflow", "24 products", "use acc=i64"}},
  };
  for (const auto& [spoil, parts] : table) {
    Problem p = base();
    ASSERT_EQ(refusal_of([&] { p.validate(); }), "");
    spoil(p);
    SCOPED_TRACE(parts.front());
    expect_parts(refusal_of([&] { p.validate(); }), parts);
    EXPECT_FALSE(to_string(p).empty());  // an invalid problem can still be shown
    (void)std::hash<Problem>{}(p);
  }
}

// The edge of each rule: the last value that is accepted.
TEST(BadProblem, TheEdgesOfTheRulesAreAccepted) {
  for (const char* line : {
           "op=fwd dtype=f32 n=0 c=0 in=0 k=0 f=1",
           "op=fwd dtype=i8 in=2305843009213693951 f=1",
           "op=fwd dtype=i8 in=1 f=1 stride=2305843009213693952 dil=2305843009213693952",
           "op=fwd dtype=i8 in=1 f=1 pad=1152921504606846975",
           "op=fwd dtype=i8 in=1 f=1 pad=-1152921504606846975",
           "op=fwd dtype=u8:f32:u8 in=9 f=3 boundary=constant(255)",
           "op=fwd dtype=i8:f32:i8 in=9 f=3 boundary=constant(-128)",
           "op=fwd dtype=i64:f64:i64 in=9 f=3 boundary=constant(-9223372036854775808)",
           "op=fwd dtype=u64:f64:u64 in=9 f=3 boundary=constant(9223372036854775808)",
           "op=fwd dtype=f32 in=9 f=3 boundary=constant(inf):constant(nan)",
           // 131071 * 2^14 is the last that i32 holds; 33025 * 255^2 likewise for u8.
           "op=fwd dtype=i8 overflow=saturate c=131071 in=1 f=1",
           "op=fwd dtype=u8 overflow=saturate c=33025 in=1 f=1",
           "op=fwd dtype=i16 overflow=saturate c=1 in=1 f=1",
           "op=fwd dtype=i32 acc=i32 in=99 f=99",  // wraps: exact modulo 2^32
           "op=fwd dtype=i64:i64:i8 in=99 f=99",   // wraps: exact modulo 2^8
           "op=fwd dtype=u64 in=99 f=99",          // wraps
           "op=fwd dtype=i8 acc=f32 in=99 f=99 act=gelu alpha=0.1",
           "op=fwd dtype=u64:f32:f32 in=9 f=3",  // promoted, as in NumPy
           "op=fwd dtype=c64:i16:c64 in=9 f=3",
           "op=fwd dtype=f32:f32:c64 in=9 f=3",  // a complex result of real operands
           "op=wgrad dtype=c64 in=9 f=3 alpha=2 beta=2",
           "op=fwd dtype=i8 in=9 f=3 act=clamp(-2147483648,2147483647)",
           "op=fwd dtype=f32 in=9 f=3 act=clamp(-inf,inf)",
           "op=fwd dtype=f32 in=9 f=3 act=clamp(1,1)",
           "op=fwd dtype=f32 in=9 f=3 ystrides=0,0,1",  // axes of one element never step
           "op=fwd dtype=f32 in=9 f=3 ystrides=-9223372036854775808,0,-3",
           "op=fwd dtype=f32 n=2 in=9 f=3 xstrides=0,0,0 wstrides=0,0,0",
           "op=fwd dtype=f32 n=2 in=9 f=3 ystrides=7,5,1",
           "op=fwd dtype=f32 n=2 in=9 f=3 ystrides=1,5,2",  // interleaved
           "op=filter dtype=f32 in=9x8 f=3x4 origin=1x-2",
           "op=filter dtype=f32 in=9x8 f=3x4 origin=-1x1",
       }) {
    EXPECT_EQ(refusal_of([&] { (void)Problem::parse(line); }), "") << line;
  }
}

}  // namespace
}  // namespace faltung
