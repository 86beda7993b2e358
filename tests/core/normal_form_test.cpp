#include "cpp/core/normal_form.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include <faltung/plan.hpp>

namespace faltung {
namespace {

struct Case {
  const char* problem;
  const char* normal;
};

const Case cases[] = {
    {"op=fwd dtype=f32 n=2 in=30x1 f=5x1", "op=fwd dtype=f32 n=2 in=30 f=5"},
    {"op=fwd dtype=f32 n=2 in=1x30 f=1x5 flip=1", "op=fwd dtype=f32 n=2 in=30 f=5 flip=1"},
    {"op=fwd dtype=f32 in=6x1x7x1 f=3x1x3x1 pad=1x0x1x0 stride=2x3x1x1",
     "op=fwd dtype=f32 in=6x7 f=3x3 pad=1 stride=2x1"},
    {"op=fwd dtype=f32 c=3 in=1x1 k=2 f=1x1", "op=fwd dtype=f32 c=3 in=1 k=2 f=1"},
    {"op=fwd dtype=f32 c=3 in=9x1 k=2 f=3x1 layout=nhwc",
     "op=fwd dtype=f32 c=3 in=9 k=2 f=3 layout=nhwc"},
    {"op=fwd dtype=f32 in=9x1 f=3x1 pad=1x0 boundary=reflect",
     "op=fwd dtype=f32 in=9 f=3 pad=1 boundary=reflect"},
    {"op=dgrad dtype=f32 c=2 in=9x1 k=3 f=3x1 pad=1x0",
     "op=dgrad dtype=f32 c=2 in=9 k=3 f=3 pad=1"},
    {"op=wgrad dtype=f32 n=3 in=1x9 f=1x3", "op=wgrad dtype=f32 n=3 in=9 f=3"},
    {"op=fwd dtype=f32 n=2 in=9x1 f=3x1 xstrides=40,40,2,7 ystrides=90,90,-3,5",
     "op=fwd dtype=f32 n=2 in=9 f=3 xstrides=40,40,2 ystrides=90,90,-3"},
    {"op=fwd dtype=f32 n=2 c=3 in=9x1 k=2 f=3x1 xstrides=60,1,6,50",
     "op=fwd dtype=f32 n=2 c=3 in=9 k=2 f=3 xstrides=60,1,6"},
    {"op=fwd dtype=f32 n=2 in=9 f=3 xstrides=9,9,1 ystrides=7,7,1",
     "op=fwd dtype=f32 n=2 in=9 f=3"},
    {"op=fwd dtype=f32 n=2 c=3 in=4x5 k=2 f=1x1", "op=fwd dtype=f32 n=2 c=3 in=20 k=2 f=1"},
    {"op=fwd dtype=f32 c=2 in=2x3x5 k=3 f=1x1x1 layout=nhwc",
     "op=fwd dtype=f32 c=2 in=30 k=3 f=1 layout=nhwc"},
    {"op=fwd dtype=f32 in=9x3x4 f=3x1x1 pad=1x0x0", "op=fwd dtype=f32 in=9x12 f=3x1 pad=1x0"},
    {"op=dgrad dtype=f32 c=2 in=3x4 k=3 f=1x1", "op=dgrad dtype=f32 c=2 in=12 k=3 f=1"},
    {"op=wgrad dtype=f32 c=2 in=3x4 k=3 f=1x1", "op=wgrad dtype=f32 c=2 in=12 k=3 f=1"},
    {"op=fwd dtype=f32 n=2 c=2 in=3x4 k=2 f=1x1 xstrides=90,40,12,3 wstrides=7,3,2,2",
     "op=fwd dtype=f32 n=2 c=2 in=12 k=2 f=1 xstrides=90,40,3 wstrides=7,3,2"},
    {"op=fwd dtype=f32 n=2 in=3x4 f=1x1 xstrides=12,50,4,1 ystrides=12,9,4,1",
     "op=fwd dtype=f32 n=2 in=12 f=1 xstrides=12,50,1 ystrides=12,9,1"}};

TEST(NormalForm, LeavesOutWhatSaysNothing) {
  for (const auto& [problem, normal] : cases) {
    const Problem given = Problem::parse(problem);
    const Problem form = normal_form(given);
    EXPECT_EQ(to_string(form), to_string(Problem::parse(normal)));
    EXPECT_NO_THROW(form.validate()) << problem;
    EXPECT_EQ(normal_form(form), form) << problem;
    EXPECT_EQ(form.multiply_adds(), given.multiply_adds()) << problem;
  }
}

TEST(NormalForm, KeepsWhatSaysSomething) {
  for (const char* line :
       {"op=fwd dtype=f32 in=1x9 f=1x3 pad=1x0",  // outputs beside the element
        "op=fwd dtype=f32 in=2x9 f=1x3",          // several elements
        "op=fwd dtype=f32 in=1x9 f=2x3 pad=1x0 boundary=nearest",
        "op=fwd dtype=f32 n=2 in=9 f=3 xstrides=10,10,1",
        "op=fwd dtype=f32 in=4x5 f=1x1 xstrides=30,30,6,1",  // rows with gaps
        "op=fwd dtype=f32 in=4x5 f=1x1 stride=1x2", "op=fwd dtype=f32 in=4x5 f=1x1 pad=0x1"}) {
    const Problem given = Problem::parse(line);
    EXPECT_EQ(normal_form(given), given) << line;
  }
}

/// Memory around what views of any strides reach, so that whatever is written is compared.
struct Buffer {
  Buffer() : memory(f32, {600}) {
    int next = 0;
    for (float& value : memory.values<float>()) value = static_cast<float>(next++ * 7 % 5 - 2);
  }
  [[nodiscard]] TensorView view(const Shape& shape, const Strides& strides) {
    float* middle = memory.values<float>().data() + 200;
    return {middle, f32, shape, strides.empty() ? compact_strides(shape) : strides, Device::cpu()};
  }
  Tensor memory;
};

void run(const Problem& p, Buffer& first, Buffer& second, Buffer& result) {
  const bool data = p.pass == Pass::backward_data, filter = p.pass == Pass::backward_filter;
  const auto x = [&](Buffer& b) { return b.view(p.x_shape(), p.x_strides); };
  const auto w = [&](Buffer& b) { return b.view(p.w_shape(), p.w_strides); };
  const auto y = [&](Buffer& b) { return b.view(p.y_shape(), p.y_strides); };
  Plan::make(p).run(data ? y(first) : x(first), filter ? y(second) : w(second),
                    data     ? x(result)
                    : filter ? w(result)
                             : y(result));
}

TEST(NormalForm, ComputesTheSameIntoTheSamePlaces) {
  for (const auto& [problem, normal] : cases) {
    const Problem p = Problem::parse(problem);
    Buffer first, second, one, other;
    run(p, first, second, one);
    run(Problem::parse(normal), first, second, other);
    EXPECT_TRUE(std::ranges::equal(one.memory.values<float>(), other.memory.values<float>()))
        << problem;
  }
}

TEST(NormalForm, IsShownAndLeavesThePlanItsProblem) {
  for (const auto& [problem, normal] : cases) {
    const Problem p = Problem::parse(problem);
    const Plan plan = Plan::make(p), same = Plan::make(Problem::parse(normal));
    EXPECT_EQ(plan.problem(), p);
    EXPECT_EQ(plan.engine() + plan.way(), same.engine() + same.way()) << problem;
    EXPECT_NE(plan.explain().find("\nsame as    " + to_string(same.problem()) + "\n"),
              std::string::npos)
        << plan.explain();
    EXPECT_EQ(same.explain().find("same as"), std::string::npos);
  }
}

// Columns are rows, and five axes of which two say nothing are three.
TEST(NormalForm, EnginesFindLongRowsAndFewAxes) {
  const auto chosen = [](const char* line) {
    const Plan plan = Plan::make(Problem::parse(line));
    return plan.engine() + '/' + plan.way();
  };
  EXPECT_EQ(chosen("op=fwd dtype=f32 n=64 in=300x1 f=5x1"),
            chosen("op=fwd dtype=f32 n=64 in=300 f=5"));
  const std::string volume = chosen("op=fwd dtype=f32 in=20x1x20x20x1 f=3x1x3x3x1");
  EXPECT_EQ(volume, chosen("op=fwd dtype=f32 in=20x20x20 f=3x3x3"));
  EXPECT_NE(volume, "cpu.reference/definition");
}

}  // namespace
}  // namespace faltung
