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

void expect_agreement(const std::string& line) { test::expect_agreement(cudnn_engine(), line); }

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
           {"dtype=c64 in=9x9 f=3x3", "type that is not"},
           {"dtype=i8:i8:i32 in=9x9 f=3x3", "several types"},
           {"dtype=f16:f16:f32 in=9x9 f=3x3", "several types"},
           {"dtype=f32 acc=f64 in=9x9 f=3x3", "sums in a type"},
           {"dtype=f32 in=9x9 f=3x3 bias=1", "an epilogue"},
           {"dtype=f32 in=9x9 f=3x3 alpha=2", "an epilogue"}}) {
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

// Calls of cuDNN fail in turn, in `prepare` and in `run`: an error that names one, another plan, or
// memory that runs out; nothing is left behind, and the next run is right.
TEST(CudaCudnn, EveryCallMayFail) {
  FALTUNG_NEEDS_CUDNN();
  const std::string line = "op=fwd dtype=f32 c=2 k=3 in=12x11 f=3x3 pad=1";
  const int before = cudnn_standin().open();
  int faults = 0;
  for (const int status : {1001, 2000, 3000, 4000, 4003, 5000}) {
    for (int nth = 1;; nth = nth < 60 ? nth + 1 : nth + nth / 6) {
      const std::string fresh = line + " n=" + std::to_string(1 + nth % 7);
      cudnn_standin().fail("any", nth, status);
      try {
        Prepared prepared(fresh);
        prepared.run();
      } catch (const DeviceError& error) {
        EXPECT_NE(std::string(error.what()).find("cuDNN"), std::string::npos) << error.what();
        ++faults;
      } catch (const std::bad_alloc&) {
        EXPECT_EQ(status, 4003);
        ++faults;
      }
      const bool reached = cudnn_standin().calls("any") >= nth;
      (void)cudaDeviceSynchronize();
      cudnn_standin().fail("", 0, 0);
      ASSERT_EQ(cudnn_standin().open(), before) << nth;
      if (!reached) break;
    }
    expect_agreement(line);
  }
  EXPECT_GE(faults, 50);
  RecordProperty("faults", faults);
}

}  // namespace
}  // namespace faltung::cuda
