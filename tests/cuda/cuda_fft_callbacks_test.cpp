#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>

#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cuda/fft/fft_callbacks.hpp"
#include "cuda/fft/fft_engine.hpp"
#include "cuda/fft/fft_lowering.hpp"
#include "cuda/primitives/divisor.hpp"
#include "tests/cuda/prepared.hpp"
#include "tests/cuda/standins/cufft_standin.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/support/error_check.hpp"

// Loads of cuda.fft that cuFFT makes by callbacks: on the emulated device, where what stands in for
// cuFFT calls the same functions, compiled for the CPU.
namespace faltung::cuda {
namespace {

using test::cufft_standin;

/// FALTUNG_CUFFT_CALLBACKS as long as it lives.
class Callbacks {
 public:
  explicit Callbacks(const char* use) { setenv("FALTUNG_CUFFT_CALLBACKS", use, 1); }
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;
  ~Callbacks() { unsetenv("FALTUNG_CUFFT_CALLBACKS"); }
};

std::string policy_of(const Problem& p, const char* use) {
  const Callbacks callbacks(use);
  const Offer offer = fft_engine().offer(p, Device::cuda(0));
  return offer ? offer.prepare()->policy() : "refused: " + offer.refusal;
}
std::string policy_of(const std::string& line, const char* use) {
  return policy_of(Problem::parse(line), use);
}

constexpr const char* fused_words = "loaded by callbacks of cuFFT";

bool has(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

// In a few elements of each operand.
void plant_non_finite(test::Operands& operands) {
  const auto plant = [](test::Array& array, double value) {
    if (is_integer(array.dtype())) return;
    Extents at;
    for (const std::int64_t extent : array.shape()) at.push_back(extent / 2);
    array.set(at, value);
  };
  plant(operands.first, std::numeric_limits<double>::infinity());
  plant(operands.second, std::numeric_limits<double>::quiet_NaN());
}

// The same bits as with load_kernel, with the filter bound too.
void expect_bits_of_kernels(const Problem& p, bool planted) {
  test::Operands operands = test::filled_operands(
      p, is_integer(p.accumulator) ? test::Fill::whole_range : test::Fill::reals,
      test::test_seed());
  if (planted) plant_non_finite(operands);
  const auto run = [&](const char* use, bool bind) {
    const Callbacks callbacks(use);
    return test::run_guarded(*test::test_devices()[0], fft_engine(), p, operands,
                             {.bind_filter = bind});
  };
  const test::Array expected = run("off", false);
  EXPECT_TRUE(test::same_elements(expected, run("all", false)));
  if (p.pass != Pass::backward_filter) {
    EXPECT_TRUE(test::same_elements(expected, run("all", true)));
  }
}

class CudaFftCallbacks : public ::testing::TestWithParam<const char*> {};

// Every class that is served, and every class that must not be: that kernels load it is no matter.
TEST_P(CudaFftCallbacks, GiveTheBitsOfKernels) {
  int fused = 0, plain = 0;
  for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
    for (const char* shape :
         {"in=19 f=4 pad=3:2", "in=7x9 f=3x2 pad=2:1x1", "in=4x5x6 f=2x3x2 pad=1:0x2:1x1",
          "in=6x9 f=1x4 pad=1x2", "in=3x5 f=4x9 pad=5:2x8"}) {
      for (const char* boundary : {"zero", "constant(2)", "nearest", "reflect", "mirror", "wrap"}) {
        for (const char* rest : {"n=2", "n=2 c=3 k=2 stride=2", "c=4 k=2 g=2 layout=nhwc"}) {
          const std::string line = message("op=", pass, " dtype=", GetParam(), ' ', shape,
                                           " boundary=", boundary, ' ', rest);
          SCOPED_TRACE(line);
          const Problem p = Problem::parse(line);
          if (!fft_engine().offer(p, Device::cuda(0))) continue;
          ++(has(policy_of(p, "all"), fused_words) ? fused : plain);
          expect_bits_of_kernels(p, (fused + plain) % 2 == 0);
        }
      }
    }
  }
  EXPECT_GE(fused, 100);
  EXPECT_GE(plain, 5);
  RecordProperty("fused", fused);
}
INSTANTIATE_TEST_SUITE_P(Types, CudaFftCallbacks,
                         ::testing::Values("f32", "f64", "f16", "bf16", "c64", "c128", "i8:i8:i32",
                                           "u16", "i32", "i64", "u8:f32:f32"),
                         [](const auto& type) {
                           std::string name = type.param;
                           for (char& c : name) c = c == ':' ? '_' : c;
                           return name;
                         });

// Many blocks, several batches and sections, and blocks of all axes; against the definition.
TEST(CudaFftCallbacksTest, AgreeWithTheReference) {
  const Callbacks callbacks("all");
  for (const char* line :
       {"op=fwd dtype=f32 n=2 in=9000 f=33 pad=16",
        "op=dgrad dtype=f32 in=9000 f=33 pad=16 boundary=reflect",
        "op=wgrad dtype=f32 in=9000 f=33 pad=16",
        "op=fwd dtype=f16 n=2 c=3 k=4 in=20x30 f=7x5 pad=3x2 boundary=mirror layout=nhwc",
        "op=fwd dtype=c64 n=2 c=2 k=2 in=9x11 f=4x3 pad=2:1x1 boundary=wrap",
        "op=dgrad dtype=c128 c=2 k=3 in=200 f=17 pad=8",
        "op=fwd dtype=f64 in=5000 f=20 boundary=nearest pad=7:3"}) {
    EXPECT_TRUE(has(policy_of(line, "all"), fused_words)) << line;
    setenv("FALTUNG_CUFFT_CALLBACKS", "all", 1);
    test::expect_agreement(fft_engine(), line, {.exact_integers = false, .bound_filter = true});
  }
}

// The least workspace, too, where sections are loaded one after the other.
TEST(CudaFftCallbacksTest, KeepToALimit) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=5 c=3 k=2 in=90 f=9 pad=4");
  const Callbacks callbacks("all");
  const Offer offer = fft_engine().offer(p, Device::cuda(0));
  const std::size_t wish = offer.prepare()->workspace_bytes();
  const std::size_t least = offer.prepare_within(0)->workspace_bytes();
  EXPECT_LT(least, wish);
  for (std::size_t i = 0; i < 8; ++i) {
    const auto task = offer.prepare_within(wish * i / 7);
    EXPECT_LE(task->workspace_bytes(), std::max(least, wish * i / 7));
    EXPECT_TRUE(has(task->policy(), fused_words));
  }
}

// Blocks that cuFFT loads are neither written nor read.
TEST(CudaFftCallbacksTest, SpareTheBlocksOfWhatTheyLoad) {
  const auto kernels = [](const char* use) {
    const Callbacks callbacks(use);
    emulator::Recorder recorder;
    test::Prepared prepared(fft_engine(), "op=fwd dtype=f32 n=2 c=2 k=2 in=32x32 f=9x9 pad=4");
    prepared.run();
    (void)cudaDeviceSynchronize();
    std::vector<std::string> names;
    for (const emulator::Report& report : recorder.reports()) names.push_back(report.kernel);
    return names;
  };
  const auto count = [](const std::vector<std::string>& names, const char* start) {
    return std::ranges::count_if(names, [&](const auto& name) { return name.starts_with(start); });
  };
  const auto plain = kernels("off"), fused = kernels("all");
  EXPECT_EQ(count(plain, "fft load"), 2);
  EXPECT_EQ(count(plain, "fft describe"), 0);
  EXPECT_EQ(count(fused, "fft load"), 0);
  EXPECT_EQ(count(fused, "fft describe"), 2);
  EXPECT_EQ(plain.size(), fused.size());
}

TEST(CudaFftCallbacksTest, AreCapturedWithTheirValues) {
  const Callbacks callbacks("all");
  test::Prepared prepared(fft_engine(), "op=fwd dtype=f32 n=2 c=2 k=2 in=40 f=9 pad=4");
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  {
    const emulator::Capture capture;
    prepared.run(stream);
  }
  (void)cudaDeviceSynchronize();
  (void)cudaStreamDestroy(stream);
}

// Whatever is wrong with callbacks: kernels load, and the plan says why.
TEST(CudaFftCallbacksTest, PlansWithoutThemWhereTheyFail) {
  const std::string line = "op=fwd dtype=f32 n=2 c=2 k=2 in=40 f=9 pad=4";
  for (const char* function : {"cufftXtSetJITCallback", "cufftXtMakePlanMany"}) {
    for (const int nth : {1, 2, 4}) {
      for (const int status : {1, 2, 3, 4, 5, 8, 14, 16, 17, 18, 19}) {
        cufft_standin().fail(function, nth, status);
        const std::string policy = policy_of(line, "all");
        cufft_standin().fail("", 0, 0);
        EXPECT_FALSE(has(policy, fused_words));
        EXPECT_TRUE(has(policy, "loaded without callbacks: ")) << policy;
        EXPECT_TRUE(has(policy, status == 2 ? "no memory" : function)) << policy;
      }
    }
  }
  const Callbacks callbacks("all");
  cufft_standin().fail("cufftXtMakePlanMany", 1, 17);  // no nvJitLink, says cuFFT
  test::Prepared prepared(fft_engine(), line);
  cufft_standin().fail("", 0, 0);
  EXPECT_TRUE(has(prepared.task->policy(), "CUFFT_MISSING_DEPENDENCY")) << prepared.task->policy();
  EXPECT_EQ(prepared.task->facts().memory_passes, 5);
  prepared.run();
  (void)cudaDeviceSynchronize();
}

TEST(CudaFftCallbacksTest, AreTurnedOffAndOn) {
  const char* line = "op=fwd dtype=f32 n=2 c=2 k=2 in=40 f=9 pad=4";
  cufft_standin().fail("", 0, 0);
  EXPECT_FALSE(has(policy_of(line, "off"), "callbacks"));
  EXPECT_FALSE(has(policy_of(line, "auto"), "callbacks"));  // too small
  EXPECT_EQ(cufft_standin().calls("cufftXtSetJITCallback"), 0);
  EXPECT_TRUE(has(policy_of(line, "all"), "x and w loaded by callbacks of cuFFT"));
  EXPECT_GT(cufft_standin().calls("cufftXtSetJITCallback"), 0);
  const Callbacks callbacks("yes");
  try {
    (void)fft_engine().offer(Problem::parse(line), Device::cuda(0));
    FAIL() << "'yes' means nothing";
  } catch (const InvalidProblem& error) {
    EXPECT_TRUE(has(error.what(), "FALTUNG_CUFFT_CALLBACKS is 'yes'")) << error.what();
  }
}

struct Choice {
  fft::FusedLoads possible, chosen;
  double plain_us, fused_us;
};
Choice choice_of(const char* line) {
  const Problem p = Problem::parse(line);
  const fft::Numbers numbers = fft::numbers_of(p);
  fft::Geometry g = fft::lower(p);
  fft::cut(numbers, fft::needed_ranges(p), g);
  const auto b = fft::batches(numbers, g);
  const GpuMachine& gpu = reference_gpu_machine();
  const fft::FusedLoads chosen = fft::choose_fused(numbers, g);
  return {fft::possible_fused(numbers, g), chosen, fft::predict_us(gpu, numbers, g, b),
          fft::predict_us(gpu, numbers, g, b, chosen)};
}

// By bytes: where they save more than a launch takes.
TEST(CudaFftCallbacksTest, AreChosenByWhatTheySpare) {
  const Choice large = choice_of("op=fwd dtype=f32 n=1024 in=1048576 f=1025 pad=512");
  EXPECT_TRUE(large.chosen.x && !large.chosen.y && !large.chosen.w);
  EXPECT_TRUE(large.possible.w);
  EXPECT_LT(large.fused_us, large.plain_us);
  const Choice small = choice_of("op=fwd dtype=f32 in=4096 f=1025 pad=512");
  EXPECT_TRUE(small.possible.x && !small.chosen.any());
  EXPECT_EQ(small.fused_us, small.plain_us);
  const Choice gradient = choice_of("op=wgrad dtype=f32 n=64 in=1048576 f=1025 pad=512");
  EXPECT_TRUE(gradient.chosen.x && gradient.chosen.y && !gradient.chosen.w);
  EXPECT_FALSE(choice_of("op=dgrad dtype=f32 n=64 in=1048576 f=1025 stride=2").possible.y);
  EXPECT_FALSE(choice_of("op=fwd dtype=f32 n=64 in=1048576 f=1025 idil=2").possible.x);
  EXPECT_FALSE(choice_of("op=fwd dtype=f32 n=64 in=1048576 f=1025 dil=2").possible.w);
}

// Elements that positions show: those of the boundary map, wherever one step leads there.
TEST(CudaFftCallbacksTest, AxesAreTheBoundaryMap) {
  int checked = 0;
  for (const char* boundary : {"zero", "nearest", "reflect", "mirror", "wrap", "reflect:nearest",
                               "wrap:zero", "mirror:constant(1)"}) {
    for (const char* rest :
         {"in=5 f=3 pad=5:4", "in=1 f=1 pad=0:0", "in=1 f=2 pad=1:0", "in=6 f=4 pad=3:0",
          "in=4 f=3 pad=9:8", "in=7 f=3 pad=-2:4", "in=7 f=3 pad=4:7 stride=2"}) {
      const std::string line = message("op=fwd dtype=f32 ", rest, " boundary=", boundary);
      SCOPED_TRACE(line);
      const fft::Geometry g = fft::lower(Problem::parse(line));
      const AxisGeometry& axis = g.axis[2];
      if (!fft::fused_refusal(g, fft::Operand::x).empty()) continue;
      fft::FusedLoad load;
      fft::set_fused_axes(g, fft::Operand::x, load);
      const std::int64_t low = -axis.pad_lo;
      const std::int64_t high = low + (axis.output - 1) * axis.stride + fft::reach(axis) - 1;
      for (std::int64_t z = low; z <= high; ++z) {
        const BoundaryKind kind = z < 0 ? axis.below.kind : axis.above.kind;
        const std::int64_t index = extend_index(kind, z, axis.input);
        EXPECT_EQ(load.axis[2].element(static_cast<std::int32_t>(z)), index == outside ? -1 : index)
            << z;
        ++checked;
      }
    }
  }
  EXPECT_GE(checked, 300);
}

TEST(CudaFftCallbacksTest, DivisorsGiveQuotients) {
  std::mt19937_64 engine(1);
  const auto random = [&] { return static_cast<std::uint32_t>(engine() >> 32); };
  const auto expect_right = [](std::uint32_t n, std::uint32_t by) {
    ASSERT_EQ(Divisor(by).quotient(n), n / by) << n << " / " << by;
  };
  constexpr std::uint32_t max = 0x7fffffff;
  for (std::uint32_t by = 1; by < 3000; ++by) {
    for (const std::uint32_t n :
         {0U, by - 1, by, by + 1, max, max - by, max / by * by, max / by * by - 1}) {
      expect_right(n, by);
    }
  }
  for (int i = 0; i < 100000; ++i) {
    const std::uint32_t by = (random() & max) >> (random() % 31) | 1;
    expect_right(random() & max, by);
    expect_right(max / by * by - 1, by);
    expect_right(max / by * by, by);
  }
  expect_right(max, max);
  expect_right(max, 0x80000000U);
}

}  // namespace
}  // namespace faltung::cuda
