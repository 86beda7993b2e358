// cuDNN, the benchmark's peer, takes every layer of the standard suite as we describe it. It checks
// descriptors without a GPU.

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include <faltung/error.hpp>

#include "bench/cudnn/algorithms.hpp"

namespace faltung::bench {
namespace {

TEST(CudnnPeer, TakesTheLayersOfTheStandardSuite) {
  try {
    (void)cudnn::functions();
  } catch (const DeviceError& error) {
    GTEST_SKIP() << error.what();
  }
  std::ifstream file(FALTUNG_SOURCE_DIR "/bench/problems/standard.txt");
  ASSERT_TRUE(file) << "the standard suite cannot be read";
  int described = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    Problem problem = Problem::parse(line);
    if (!cudnn::unsupported_reason(problem).empty()) continue;
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
      problem.layout = layout;
      EXPECT_NO_THROW((void)cudnn::graph_of(problem, 256)) << line;
      ++described;
    }
  }
  EXPECT_GE(described, 2 * 40) << "the suite has more than forty problems without boundaries";
}

TEST(CudnnPeer, SaysWhyItCannotDoAProblem) {
  const auto reason = [](const char* text) {
    return cudnn::unsupported_reason(Problem::parse(text));
  };
  EXPECT_EQ(reason("op=fwd dtype=f32 n=1 c=1 in=8x8 k=1 f=3x3 pad=1"), "");
  EXPECT_EQ(reason("op=fwd dtype=c64 n=1 c=1 k=1 in=8 f=3"), "complex numbers");
  EXPECT_EQ(reason("op=fwd dtype=f32 n=1 c=1 k=1 in=8 f=3 pad=1 boundary=wrap"),
            "a boundary other than zero");
  EXPECT_EQ(reason("op=fwd dtype=f32 n=1 c=1 k=1 in=8 f=3 pad=-1"), "a negative pad");
  EXPECT_EQ(reason("op=fwd dtype=f32 n=1 c=1 k=1 in=4x4x4x4 f=1x1x1x1"),
            "more than three spatial axes");
}

}  // namespace
}  // namespace faltung::bench
