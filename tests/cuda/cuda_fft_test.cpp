#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>

#include "cuda/fft/fft_engine.hpp"
#include "cuda/fft/fft_lengths.hpp"
#include "cuda/fft/fft_lowering.hpp"
#include "cuda/fft/fft_policy.hpp"
#include "tests/cuda/prepared.hpp"
#include "tests/cuda/standins/cufft_standin.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"

// cuda.fft on the emulated device, with the library that stands in for cuFFT.
namespace faltung::cuda {
namespace {

using emulator::Capture;
using test::cufft_standin;

// On small integers, too.
void expect_agreement(const std::string& line) {
  test::expect_agreement(fft_engine(), line, {.exact_integers = false, .bound_filter = true});
}

struct Prepared : test::Prepared {
  explicit Prepared(const std::string& line, std::size_t count = 1)
      : test::Prepared(fft_engine(), line, count) {}
};

TEST(CudaFft, ChannelsLast) {
  for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
    for (const char* rest :
         {"dtype=f32 n=2 c=3 k=4 in=9x11 f=4x3 pad=2:1x1 stride=2x1 layout=nhwc",
          "dtype=f16 n=2 c=4 k=6 g=2 in=20 f=9 pad=4 boundary=mirror layout=nhwc",
          "dtype=bf16 n=1 c=3 k=3 g=3 in=5x6x7 f=2x3x3 pad=1 layout=nhwc"}) {
      expect_agreement(std::string("op=") + pass + ' ' + rest);
    }
  }
}

TEST(CudaFft, FiltersLongerThanTheInput) {
  for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
    for (const char* boundary : {"zero", "nearest", "reflect", "mirror", "wrap"}) {
      expect_agreement(std::string("op=") + pass +
                       " dtype=f64 in=5x1 f=17x4 pad=9:8x2 boundary=" + boundary);
    }
  }
}

TEST(CudaFft, AxesThatAreABatch) {
  expect_agreement("op=fwd dtype=f32 n=2 c=2 k=2 in=2x3x4x9 f=1x2x3x4 pad=0x1x1x2");
  expect_agreement("op=dgrad dtype=c64 in=3x2x8 f=1x1x5 pad=0x0x2");
  // With pads and strides of its own an axis of one tap is no batch, but needs no transform.
  expect_agreement("op=fwd dtype=f32 in=6x9 f=1x4 pad=1x2 stride=2x1 boundary=nearest");
  expect_agreement("op=dgrad dtype=f32 in=6x9 f=1x4 pad=1x2 stride=2x1 boundary=nearest");
  expect_agreement("op=wgrad dtype=f32 in=9x6 f=4x1 pad=2x1 stride=1x3 boundary=constant(2)");
}

// Many blocks, the last not full; and many channels, of which not all filters fit one batch.
TEST(CudaFft, BlocksThatOverlap) {
  for (const char* line : {"op=fwd dtype=f32 n=2 in=70000 f=33 pad=16",
                           "op=wgrad dtype=f32 in=70000 f=33 pad=16 stride=3",
                           "op=fwd dtype=f64 in=40000 f=20 boundary=reflect pad=7:3 dil=2"}) {
    expect_agreement(line);
    EXPECT_EQ(fft_engine().offer(Problem::parse(line), Device::cuda(0)).way, "blocks") << line;
  }
}

// Blocks of the data gradient share no positions. What none of them holds is 0: elements that are
// cropped, those between the outputs of an axis with one tap, those past the last output.
TEST(CudaFft, BlocksOfTheDataGradient) {
  for (const char* line : {"op=dgrad dtype=f32 n=2 in=70000 f=33 pad=16",
                           "op=dgrad dtype=f32 in=70003 f=33 pad=5:-3000 stride=7",
                           "op=dgrad dtype=f64 in=30000 f=20 pad=-2500:9 idil=2 dil=3",
                           "op=dgrad dtype=f32 in=60000 f=33 pad=16 boundary=constant(3)",
                           "op=dgrad dtype=f32 in=60000 f=33 pad=40:25 boundary=reflect:wrap",
                           "op=dgrad dtype=f32 in=3x50000 f=1x33 pad=1x16 stride=2x5",
                           "op=dgrad dtype=c64 c=2 k=3 in=20000 f=17 pad=8 boundary=mirror"}) {
    expect_agreement(line);
    EXPECT_EQ(fft_engine().offer(Problem::parse(line), Device::cuda(0)).way, "blocks") << line;
  }
}

TEST(CudaFft, Epilogues) {
  expect_agreement("op=fwd dtype=f32 n=2 c=2 k=3 in=12 f=5 pad=2 alpha=0.5 beta=2 bias=1 act=relu");
  expect_agreement("op=fwd dtype=i8:i8:i32 c=2 k=2 in=9x9 f=5x5 pad=2 bias=1");
}

// Integers of any size and value are those of the definition, whatever digits it takes, and under
// any limit of the workspace.
TEST(CudaFft, IntegersAreExact) {
  const test::TestDevice& device = *test::test_devices()[0];
  for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
    for (const char* rest :
         {"dtype=i8:i8:i32 n=2 c=2 k=2 in=40 f=9 pad=4", "dtype=u16 n=2 c=3 in=90 f=31 pad=4",
          "dtype=i16:i16:i64 c=2 k=4 g=2 in=9x11 f=3x4 pad=1 boundary=reflect",
          "dtype=i32 n=2 c=3 k=2 in=70 f=33 pad=16 boundary=wrap stride=2",
          "dtype=i32:i32:i64 in=60 f=25 boundary=constant(-3) pad=9", "dtype=u32 in=50 f=50 pad=20",
          "dtype=i64 n=3 c=2 k=2 in=9x8 f=3x4 pad=1 dil=2x1",
          "dtype=u64 c=2 k=3 in=5x6x7 f=2x3x3 pad=1 layout=nhwc"}) {
      const std::string line = std::string("op=") + pass + ' ' + rest;
      SCOPED_TRACE(line);
      const Problem p = Problem::parse(line);
      const Offer offer = fft_engine().offer(p, Device::cuda(0));
      ASSERT_TRUE(offer) << offer.refusal;
      EXPECT_EQ(offer.prepare()->error_bound().constant, 0);
      for (const test::Fill fill : {test::Fill::small_integers, test::Fill::whole_range}) {
        const test::Operands operands = test::filled_operands(p, fill, test::test_seed());
        const test::Array expected =
            test::run_guarded(test::cpu_device(), reference_engine(), p, operands);
        for (const bool bind : {false, true}) {
          if (bind && p.pass == Pass::backward_filter) continue;
          const test::Array result =
              test::run_guarded(device, fft_engine(), p, operands, {.bind_filter = bind});
          EXPECT_TRUE(test::equal_elements(expected, result));
        }
      }
    }
  }
}

TEST(CudaFft, RefusesWhatItCannotDoRight) {
  const auto refusal = [](const char* line) {
    return fft_engine().offer(Problem::parse(line), Device::cuda(0)).refusal;
  };
  EXPECT_NE(refusal("op=fwd dtype=f32 in=9 f=1").find("one tap"), std::string::npos);
  EXPECT_NE(refusal("op=fwd dtype=u8:f32:u8 in=99 f=9").find("store"), std::string::npos);
  EXPECT_NE(refusal("op=fwd dtype=f32 in=9x9x9x9 f=2x2x2x2").find("4 axes"), std::string::npos);
  EXPECT_NE(refusal("op=fwd dtype=f32 in=65536x65536 f=32769x32769 pad=16384").find("points"),
            std::string::npos);
}

// Plans are made before: two streams may be captured without a run before, a third one after one.
TEST(CudaFft, IsCapturedOnTwoStreams) {
  Prepared prepared("op=fwd dtype=f32 n=2 c=2 k=2 in=40 f=9 pad=4", 3);
  cudaStream_t streams[3] = {};
  for (cudaStream_t& stream : streams) {
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  }
  {
    const Capture capture;
    for (const std::size_t i : {0U, 1U}) prepared.run(streams[i], i);
    try {
      prepared.run(streams[2], 2);
      FAIL() << "a third stream is captured without plans";
    } catch (const DeviceError& error) {
      EXPECT_NE(std::string(error.what()).find("before the capture"), std::string::npos)
          << error.what();
    }
  }
  prepared.run(streams[2], 2);
  cufft_standin().fail("", 0, 0);  // counts from here on
  {
    const Capture capture;
    for (const std::size_t i : {0U, 1U, 2U, 1U}) prepared.run(streams[i], i);
  }
  EXPECT_EQ(cufft_standin().calls("cufftXtMakePlanMany"), 0);
  EXPECT_EQ(cufft_standin().calls("cufftXtExec"), 12);
  (void)cudaDeviceSynchronize();
  for (cudaStream_t stream : streams) (void)cudaStreamDestroy(stream);
}

// However many streams come and go, plans are those of as many as the pool holds at most.
TEST(CudaFft, PlansOfManyStreamsAreBounded) {
  const int before = cufft_standin().open_plans();
  Prepared prepared("op=fwd dtype=f32 n=2 c=2 k=2 in=40 f=9 pad=4");
  const int pair = cufft_standin().open_plans() - before;  // of two streams
  std::vector<cudaStream_t> streams(70);
  for (int round = 0; round < 2; ++round) {
    for (cudaStream_t& stream : streams) {
      if (round == 0) {
        ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
      }
      prepared.run(stream);
      EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    }
  }
  EXPECT_EQ(cufft_standin().open_plans() - before, pair * 16);
  for (cudaStream_t stream : streams) (void)cudaStreamDestroy(stream);
}

TEST(CudaFft, ThreadsDoNotMeetInAPlan) {
  Prepared prepared("op=fwd dtype=f32 n=2 c=2 k=2 in=400 f=99 pad=49", 4);
  prepared.run_by_threads(3);
}

// What loads, products and stores move, against the least.
TEST(CudaFft, MovesNoMoreThanItMust) {
  emulator::Recorder recorder;
  Prepared prepared("op=fwd dtype=f32 n=4 c=2 k=2 in=64x64 f=17x17 pad=8");
  prepared.run();
  (void)cudaDeviceSynchronize();
  int kernels = 0;
  for (const emulator::Report& report : recorder.reports()) {
    if (!report.kernel.starts_with("fft ")) continue;
    if (report.kernel == "fft non-finite") continue;  // reads one word
    ++kernels;
    if (report.kernel == "fft load w") continue;  // rows of 17 taps
    emulator::expect_within(report, {});
  }
  EXPECT_EQ(kernels, 4);
}

// What is not finite costs what it reaches: where there is none two words are read, where there is
// one the marks of its array, and factors in its chunk for the results that meet it.
TEST(CudaFft, NonFiniteNumbersCostWhatTheyReach) {
  constexpr std::int64_t samples = 70000, taps = 33;
  Prepared prepared("op=fwd dtype=f32 in=70000 f=33 pad=16");
  const auto bytes_read = [&] {
    emulator::Recorder recorder;
    prepared.run();
    (void)cudaDeviceSynchronize();
    std::uint64_t bytes = 0;
    for (const emulator::Report& report : recorder.reports()) {
      if (report.kernel == "fft non-finite") bytes += report.counters.read.useful_bytes;
    }
    return static_cast<std::int64_t>(bytes);
  };
  const std::int64_t clean = bytes_read();
  EXPECT_GT(clean, 0);
  EXPECT_LE(clean, 2048 * 8 * 8);  // each warp of each block reads both words
  const float infinite = std::numeric_limits<float>::infinity();
  (void)cudaMemcpy(prepared.x.data() + 4 * (samples / 2), &infinite, 4, cudaMemcpyHostToDevice);
  const std::int64_t one = bytes_read() - clean;
  EXPECT_GT(one, 0);
  // Of the results of one block, or of two that overlap, each reads a few marks; those whose window
  // is in the marked chunk, or in part, a window of samples and taps.
  constexpr std::int64_t most_marks = 8 * 4, chunk = 2048;
  EXPECT_LE(one, samples * most_marks + 2 * (chunk + 2 * taps) * taps * 2 * 4);
}

// The geometry: the positions where an element stands are those that the boundary map sends there.
TEST(CudaFftGeometry, PositionsAreTheInverseOfTheBoundaryMap) {
  for (const char* boundary : {"zero", "constant(1)", "nearest", "reflect", "mirror", "wrap",
                               "reflect:nearest", "wrap:mirror"}) {
    for (const char* rest : {"in=5 f=3 pad=13:11", "in=1 f=2 pad=4:3", "in=2 f=2 pad=5:6",
                             "in=7 f=3 pad=-2:4", "in=4 f=3 pad=9:8 idil=3"}) {
      const std::string line = std::string("op=fwd dtype=f32 ") + rest + " boundary=" + boundary;
      const fft::Geometry g = fft::lower(Problem::parse(line));
      const AxisGeometry& axis = g.axis[2];
      const std::int64_t low = -axis.pad_lo;
      const std::int64_t high = (axis.output - 1) * axis.stride + fft::reach(axis) - 1 + low;
      AxisGeometry unit = axis;
      unit.x_stride = 1;
      for (std::int64_t i = 0; i < axis.input; ++i) {
        std::vector<std::int64_t> expected, found;
        for (std::int64_t z = low; z <= high; ++z) {
          const Place place = place_along(unit, {}, z);
          if (place.what == Stands::element && place.offset == i) expected.push_back(z);
        }
        fft::for_each_position(axis, i, low, high, [&](std::int64_t z) { found.push_back(z); });
        std::ranges::sort(found);
        EXPECT_EQ(found, expected) << line << ", element " << i;
      }
    }
  }
}

// Whatever way an axis of the data gradient is cut: every output that reaches a position of a block
// has a place in it, and every element is stored once.
TEST(CudaFftGeometry, BlocksOfTheDataGradientHoldWhatReachesThem) {
  for (const char* rest : {"in=50 f=5 pad=2", "in=50 f=5 pad=3:9 stride=3", "in=20 f=5 idil=3",
                           "in=50 f=4 pad=-7:-2 dil=2", "in=9 f=3 pad=40:2 stride=2"}) {
    SCOPED_TRACE(rest);
    const Problem p = Problem::parse(std::string("op=dgrad dtype=f32 ") + rest);
    for (const std::int64_t length : {16, 20, 32, 64, 128}) {
      fft::Geometry g = fft::lower(p);
      const auto& axis = g.axis[2];
      if (length < fft::reach(axis)) continue;
      fft::cut_at(fft::numbers_of(p), fft::needed_ranges(p), {1, 1, length}, g);
      const auto& block = g.block[2];
      std::int64_t next = 0;
      for (std::int64_t tile = 0; tile < block.tiles; ++tile) {
        const std::int64_t begin = fft::begin_of(block, tile);
        const fft::BlockOutputs outputs = fft::outputs_of(axis, block, tile);
        const std::int64_t end = std::min(begin + block.step, block.end);
        for (std::int64_t o = 0; o < axis.output; ++o) {
          for (std::int64_t r = 0; r < axis.filter; ++r) {
            const std::int64_t z = o * axis.stride + r * axis.dilation;
            if (z < begin || z >= end) continue;
            ASSERT_GE(o, outputs.first);
            ASSERT_LT(o, outputs.first + outputs.count);
            const std::int64_t place = outputs.place + (o - outputs.first) * axis.stride;
            ASSERT_LT(place, length);
            const std::int64_t tap = fft::reach(axis) - 1 - r * axis.dilation;
            EXPECT_EQ(place - tap, z - begin);
          }
        }
        const std::int64_t first = fft::first_element(axis, block, tile);
        EXPECT_EQ(first, next);
        next = fft::first_element(axis, block, tile + 1);
        EXPECT_LE(next - first, block.elements);
      }
      EXPECT_EQ(next, axis.input);
    }
  }
}

// No length of small factors that is at most an eighth longer than the least is faster.
TEST(CudaFftPolicy, GoodLengthsAreTheFastestNear) {
  const auto smooth = [](std::int64_t n) {
    for (const std::int64_t p : {2, 3, 5, 7}) {
      while (n % p == 0) n /= p;
    }
    return n == 1;
  };
  for (const bool even : {false, true}) {
    for (const bool wide : {false, true}) {
      for (std::int64_t min = 1; min < 3000; ++min) {
        const auto fits = [&](std::int64_t n) { return smooth(n) && (!even || n % 2 == 0); };
        std::int64_t least = min;
        while (!fits(least)) ++least;
        const std::int64_t length = fft::good_length(min, even, wide);
        ASSERT_TRUE(length >= least && length <= least + least / 8 && fits(length)) << min;
        for (std::int64_t n = least; n <= least + least / 8; ++n) {
          if (!fits(n)) continue;
          ASSERT_LE(fft::line_us(length, wide), fft::line_us(n, wide)) << n;
        }
      }
    }
  }
}

// Counted by hand: 4 log2 n where all passes are of radix 16, less than a half more for the others.
TEST(CudaFftPolicy, OperationsOfLengths) {
  EXPECT_DOUBLE_EQ(fft::operations_of(1), 0);
  EXPECT_DOUBLE_EQ(fft::operations_of(256), 2 * (168 + 90) / 16.0);
  EXPECT_DOUBLE_EQ(fft::operations_of(2 * 3 * 5 * 7),
                   10 / 2.0 + 28 / 3.0 + 68 / 5.0 + (96 + 36) / 7.0);
  EXPECT_EQ(fft::trips_of(1), 0);
  EXPECT_EQ(fft::trips_of(8192), 1);
  EXPECT_EQ(fft::trips_of(8193), 2);
}

}  // namespace
}  // namespace faltung::cuda
