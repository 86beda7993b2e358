#include "cpp/cpu/simpler_problem.hpp"

#include <gtest/gtest.h>

#include <string>

namespace faltung {
namespace {

struct Case {
  const char* problem;
  const char* simpler;
  std::int64_t filter_offset = 0;
  bool exchanged = false;
};

const Case cases[] = {
    {"op=fwd dtype=f32 c=2 in=9x9 k=3 f=3x3 pad=1", "op=fwd dtype=f32 c=2 in=9x9 k=3 f=3x3 pad=1"},
    // Taps that meet nothing, and the axes that they leave.
    {"op=fwd dtype=f32 in=4 f=31 pad=15", "op=fwd dtype=f32 in=4 f=7 pad=3 wstrides=31,31,1", 12},
    {"op=fwd dtype=f32 in=4 f=31 pad=15:14 flip=1",
     "op=fwd dtype=f32 in=4 f=6 pad=2 flip=1 wstrides=31,31,1", 12},
    {"op=fwd dtype=f32 in=4 f=31 pad=15 boundary=wrap",
     "op=fwd dtype=f32 in=4 f=31 pad=15 boundary=wrap"},
    {"op=fwd dtype=f32 in=1x9 f=3x3 pad=1",
     "op=fwd dtype=f32 in=9 f=3 pad=1 xstrides=9,9,1 wstrides=9,9,1 ystrides=9,9,1", 3},
    {"op=fwd dtype=f32 in=2x2 f=3x7 pad=3 boundary=constant(1)xzero",
     "op=fwd dtype=f32 in=2x2 f=3x7 pad=3 boundary=constant(1)xzero"},
    // Filters that cover the image.
    {"op=fwd dtype=f32 n=2 c=3 in=4x5 k=6 f=4x5",
     "op=fwd dtype=f32 n=2 c=60 in=1 k=6 f=1 xstrides=60,1,1 wstrides=60,1,1 ystrides=6,1,1"},
    {"op=fwd dtype=f32 n=2 c=3 in=4x5 k=6 f=4x5 flip=1",
     "op=fwd dtype=f32 n=2 c=3 in=4x5 k=6 f=4x5 flip=1"},
    // Products of matrices.
    {"op=dgrad dtype=f32 n=2 c=3 in=1 k=4 f=1",
     "op=fwd dtype=f32 c=4 in=1x3 k=2 f=1x1 xstrides=1,3,1,1 wstrides=4,1,1,1 ystrides=1,3,1,1", 0,
     true},
    {"op=wgrad dtype=f32 n=2 c=3 in=1 k=4 f=1",
     "op=fwd dtype=f32 c=2 in=1x3 k=4 f=1x1 xstrides=1,3,1,1 wstrides=1,4,1,1 ystrides=1,3,1,1"},
    // Filter gradients with input dilation.
    {"op=wgrad dtype=f32 c=2 in=5 k=3 f=3 idil=2 pad=1",
     "op=wgrad dtype=f32 c=3 in=9 k=2 f=3 stride=2 pad=1 flip=1 xstrides=27,9,1 wstrides=3,6,1 "
     "ystrides=10,5,1",
     0, true},
    {"op=wgrad dtype=f32 c=4 in=5 k=4 f=3 idil=2 pad=1 g=2",
     "op=wgrad dtype=f32 c=4 in=5 k=4 f=3 idil=2 pad=1 g=2"},
};

// Strides that are compact, or of axes of one element, say nothing.
Problem with_strides(Problem p) {
  if (p.x_strides.empty()) p.x_strides = compact_strides(p.x_shape());
  if (p.w_strides.empty()) p.w_strides = compact_strides(p.w_shape());
  if (p.y_strides.empty()) p.y_strides = compact_strides(p.y_shape());
  return p;
}

TEST(SimplerProblem, HasTheFormThatKernelsKnow) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.problem);
    const SimplerProblem simpler(Problem::parse(c.problem));
    EXPECT_EQ(to_string(with_strides(simpler.problem)),
              to_string(with_strides(Problem::parse(c.simpler))));
    EXPECT_EQ(simpler.filter_offset, c.filter_offset);
    EXPECT_EQ(simpler.exchanged, c.exchanged);
  }
}

}  // namespace
}  // namespace faltung
