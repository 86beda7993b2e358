#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/machine.hpp>
#include <faltung/plan.hpp>

#include "cuda/cudnn/cudnn_choice.hpp"
#include "cuda/cudnn/cudnn_engine.hpp"
#include "tests/cuda/prepared.hpp"
#include "tests/cuda/standins/cudnn_standin.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/support/error_check.hpp"

// cuda.cudnn on the emulated device, with the library that stands in for cuDNN where it would run.
namespace faltung::cuda {
namespace {

using emulator::Capture;
using test::cudnn_standin;

void expect_agreement(const std::string& line, const test::Agreement& how = {}) {
  test::expect_agreement(cudnn_engine(), line, how);
}

struct Prepared : test::Prepared {
  explicit Prepared(const std::string& line, std::size_t count = 1, std::int64_t shift = 0)
      : test::Prepared(cudnn_engine(), line, count, shift) {}
};

TEST(CudaCudnn, EveryTypePassRankAndLayout) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* type : {"f32", "f16", "bf16", "f64"}) {
    for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
      for (const char* shape :
           {"c=3 k=4 in=19 f=4 pad=3", "n=2 c=4 k=6 g=2 in=7x9 f=3x2 pad=1 stride=2x1",
            "n=2 c=5 k=5 g=5 in=8x6 f=3x3 pad=2 dil=2 flip=1",
            "c=2 k=3 in=4x5x6 f=2x3x2 pad=1x1x0"}) {
        for (const char* layout : {"nchw", "nhwc"}) {
          expect_agreement(std::string("op=") + pass + " dtype=" + type + ' ' + shape +
                           " layout=" + layout);
        }
      }
    }
  }
}

// Exact sums that are saturated, at any address.
TEST(CudaCudnn, BytesAreSaturated) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* rest :
       {"c=16 k=32 in=9x8 f=3x3 pad=1", "n=2 c=3 k=5 in=9x7 f=3x2 stride=2", "c=4 k=4 in=30 f=5",
        "c=32 k=16 in=5x4 f=1x1", "n=2 c=8 k=8 in=9x9 f=3x3 pad=2 dil=2"}) {
    const std::string line = std::string("op=fwd dtype=i8 overflow=saturate layout=nhwc ") + rest;
    expect_agreement(line);
    Prepared(line, 1, 1).run();
  }
  const Problem p =
      Problem::parse("op=fwd dtype=i8 overflow=saturate layout=nhwc c=16 k=16 in=9x9 f=3x3");
  const Offer offer = cudnn_engine().offer(p, Device::cuda(0));
  EXPECT_EQ(offer.prepare()->error_bound().kind, ErrorBound::Kind::exact);
  EXPECT_FALSE(offer.prepare()->facts().spreads_non_finite);
}

TEST(CudaCudnn, UnevenPadsAndRemainders) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
    for (const char* rest :
         {"c=3 k=2 in=12x10 f=3x4 pad=2:1x1:0 stride=2x3", "c=2 k=2 in=5x4 f=7x9 pad=3x4",
          "n=3 c=5 k=7 in=1x1 f=1x1", "c=8 k=16 in=9x9 f=3x3 pad=1 math=fast"}) {
      expect_agreement(std::string("op=") + pass + " dtype=f32 " + rest);
    }
  }
}

// By the convolution, and by operations behind it.
TEST(CudaCudnn, Epilogues) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* type : {"f32", "f16", "bf16", "f64"}) {
    for (const char* layout : {"nchw", "nhwc"}) {
      const std::string rest =
          std::string(" dtype=") + type + " layout=" + layout + " n=2 c=8 k=8 in=7x6 f=3x3 pad=1 ";
      for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
        for (const char* scales : {"beta=1", "alpha=-0.75 beta=0.5"}) {
          expect_agreement("op=" + (pass + rest) + scales);
        }
        expect_agreement("op=" + (pass + rest) + "alpha=0.3", {.exact_integers = false});
      }
      for (const char* behind : {"bias=1", "bias=1 act=relu", "bias=1 act=relu g=4"}) {
        expect_agreement("op=fwd" + rest + behind);
      }
    }
  }
  for (const char* shape : {"c=3 k=4 in=19 f=4", "c=2 k=3 in=4x5x6 f=2x3x2"}) {
    expect_agreement(std::string("op=fwd dtype=f32 bias=1 act=relu ") + shape);
  }
}

// Of the kernels that the heuristics put first, some make 0 of it.
TEST(CudaCudnn, ReluKeepsNaN) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* type : {"f32", "f16"}) {
    const Problem p = Problem::parse(std::string("op=fwd c=8 k=8 in=9x9 f=3x3 bias=1 act=relu ") +
                                     "layout=nhwc dtype=" + type);
    test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 1);
    operands.first.set({0, 4, 4, 3}, std::nan(""));
    const test::Array result =
        test::run_guarded(*test::test_devices()[0], cudnn_engine(), p, operands);
    EXPECT_TRUE(std::isnan(result.get({0, 3, 3, 5}).real()));
    EXPECT_FALSE(std::isnan(result.get({0, 0, 0, 5}).real()));
  }
}

TEST(CudaCudnn, RefusesWhatItIsNotAskedFor) {
  std::map<std::string, int> refused;
  const auto refusal = [](const std::string& line) {
    return cudnn_engine().offer(Problem::parse(line), Device::cuda(0)).refusal;
  };
  for (const auto& [line, word] : std::vector<std::pair<std::string, std::string>>{
           {"dtype=f32 in=9x9 f=3x3 pad=1 boundary=wrap", "boundary other than zero"},
           {"dtype=f32 in=9x9 f=3x3 pad=1 boundary=constant(2)", "boundary other than zero"},
           {"dtype=f32 in=9x9 f=3x3 pad=-1", "negative pad"},
           {"dtype=f32 in=9x9 f=3x3 idil=2", "input dilation"},
           {"dtype=f32 in=9x9x9x9 f=2x2x2x2", "three spatial axes"},
           {"dtype=c64 in=9x9 f=3x3", "complex numbers"},
           {"dtype=i8:i8:i32 in=9x9 f=3x3 layout=nhwc", "integers other than i8"},
           {"dtype=u8:i8:i8 in=9x9 f=3x3 layout=nhwc", "integers other than i8"},
           {"dtype=i8 in=9x9 f=3x3 layout=nhwc", "that wrap"},
           {"dtype=i8 overflow=saturate in=9x9 f=3x3", "channels first"},
           {"dtype=i8 overflow=saturate in=9x9 f=3x3 layout=nhwc bias=1", "an epilogue of i8"},
           {"dtype=f16:f16:f32 in=9x9 f=3x3", "several types"},
           {"dtype=f32 acc=f64 in=9x9 f=3x3", "sums in a type"},
           {"dtype=f32 in=9x9 f=3x3 bias=1 beta=1", "rounded one by one"},
           {"dtype=f32 in=9x9 f=3x3 bias=1 alpha=2", "a scale beside"},
           {"dtype=f32 in=9x9 f=3x3 alpha=0", "a scale of 0"},
           {"dtype=f32 in=9x9 f=3x3 beta=0.3", "no power of two"},
           {"dtype=f32 in=9x9 f=3x3 act=relu", "without a bias"},
           {"dtype=f32 in=9x9 f=3x3 bias=1 act=gelu", "other than relu"}}) {
    const std::string words = refusal("op=fwd " + line);
    EXPECT_NE(words.find(word), std::string::npos) << line << ": " << words;
    ++refused[word];
  }
  for (const auto& [word, count] : refused) RecordProperty(word, count);
}

TEST(CudaCudnn, VersionsKnownToBeWrongAreRefused) {
  const Problem volume = Problem::parse("op=fwd dtype=bf16 in=9x9x9 f=3x3x3");
  const Problem point = Problem::parse("op=fwd dtype=bf16 in=9x9x9 f=1x1x1");
  const Problem image = Problem::parse("op=fwd dtype=bf16 in=9x9 f=3x3");
  EXPECT_NE(cudnn::version_refusal(image, {9, 7, 1}), "");
  EXPECT_EQ(cudnn::version_refusal(image, {9, 8, 0}), "");
  EXPECT_NE(cudnn::version_refusal(volume, {9, 8, 0}), "");
  EXPECT_NE(cudnn::version_refusal(volume, {9, 14, 9}), "");
  EXPECT_EQ(cudnn::version_refusal(volume, {9, 15, 0}), "");
  EXPECT_EQ(cudnn::version_refusal(point, {9, 14, 0}), "");
  const Problem fast = Problem::parse("op=fwd dtype=f32 math=fast in=9x9x9 f=3x3x3");
  const cudnn::Traits tf32{.index = 1, .notes = {cudnn::Note::tensor_core}, .compiles = false};
  EXPECT_TRUE(cudnn::is_admissible(tf32, fast, {9, 10, 1}));
  EXPECT_FALSE(cudnn::is_admissible(tf32, fast, {9, 10, 2}));
  EXPECT_FALSE(cudnn::is_admissible(tf32, fast, {9, 15, 3}));
  EXPECT_TRUE(cudnn::is_admissible(tf32, fast, {9, 16, 0}));
}

// Kernels that were promised 16 bytes would fault: another plan runs.
TEST(CudaCudnn, PointersOfElementsAlone) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* line : {"op=fwd dtype=f16 c=16 k=16 in=9x9 f=3x3 pad=1 layout=nhwc",
                           "op=fwd dtype=f32 c=16 k=16 in=9x9 f=3x3 pad=1"}) {
    Prepared(line, 1, 1).run();
  }
}

TEST(CudaCudnn, IsCapturedOnTwoStreams) {
  FALTUNG_NEEDS_CUDNN();
  Prepared prepared("op=fwd dtype=f32 c=2 k=2 in=20x20 f=3x3 pad=1", 2);
  cudaStream_t streams[2] = {};
  for (cudaStream_t& stream : streams) {
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  }
  for (const std::size_t i : {0U, 1U}) prepared.run(streams[i], i);
  cudnn_standin().fail("", 0, 0);  // counts from here on
  {
    const Capture capture;
    for (const std::size_t i : {0U, 1U, 1U}) prepared.run(streams[i], i);
  }
  EXPECT_EQ(cudnn_standin().calls("cudnnCreate"), 0);
  EXPECT_EQ(cudnn_standin().calls("cudnnBackendExecute"), 3);
  (void)cudaDeviceSynchronize();
  for (cudaStream_t stream : streams) (void)cudaStreamDestroy(stream);
}

TEST(CudaCudnn, ThreadsDoNotMeetInAHandle) {
  FALTUNG_NEEDS_CUDNN();
  Prepared prepared("op=fwd dtype=f32 c=2 k=2 in=20x20 f=3x3 pad=1", 4);
  prepared.run_by_threads(3);
}

// All that will do runs and is compared; later plans are made of what was found.
TEST(CudaCudnn, MeasuresWhereItIsAskedTo) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* line :
       {"op=fwd dtype=f32 c=8 k=8 in=9x9 f=3x3 pad=1 bias=1 layout=nhwc",
        "op=dgrad dtype=f16 c=8 k=8 in=9x9 f=3x3 pad=1", "op=wgrad dtype=f64 c=4 k=4 in=9 f=3"}) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const auto offer = [&] { return cudnn_engine().offer(p, Device::cuda(0), "measured"); };
    const std::string policy = offer().prepare()->policy();
    EXPECT_NE(policy.find("measured"), std::string::npos) << policy;
    cudnn_standin().fail("", 0, 0);  // counts from here on
    EXPECT_EQ(offer().prepare()->policy(), policy);
    EXPECT_EQ(cudnn_standin().calls("cudnnBackendExecute"), 0);
    const test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 1);
    EXPECT_TRUE(
        test::equal_elements(test::run_guarded(test::cpu_device(), reference_engine(), p, operands),
                             test::run_guarded(*test::test_devices()[0], cudnn_engine(), p,
                                               operands, {.way = "measured"})));
    const std::unique_ptr<Task> within = offer().prepare_within(0);
    EXPECT_EQ(within->workspace_bytes(), 0U);
  }
  EXPECT_EQ(cudnn_engine().offer(Problem::parse("op=fwd dtype=f32 in=9 f=3"), Device::cuda(0)).way,
            "ranked");
}

// A plan is made from its text the second time.
TEST(CudaCudnn, PlansAreRemembered) {
  FALTUNG_NEEDS_CUDNN();
  const char* line = "op=fwd dtype=f32 n=3 c=5 k=2 in=21x20 f=3x3 pad=1";
  Prepared first(line);
  cudnn_standin().fail("", 0, 0);  // counts from here on
  Prepared second(line);
  EXPECT_EQ(second.task->policy(), first.task->policy());
  EXPECT_LT(cudnn_standin().calls("cudnnBackendFinalize"), 8);
}

}  // namespace
}  // namespace faltung::cuda
