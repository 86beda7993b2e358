#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <faltung/plan.hpp>

#include "cuda/im2col/im2col_policy.hpp"
#include "tests/cuda/im2col_support.hpp"
#include "tests/cuda/prepared.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"

// The chunks of cuda.im2col: in what workspace they fit, and what is copied for them.
namespace faltung::cuda {
namespace {

using test::expect_agreement;
using test::policy_of;
using test::SmallCache;

// Chunks of many images, of one, and of a part of one, with a last one that is smaller.
TEST(CudaIm2col, ChunksOfEverySize) {
  for (const char* rest : {"n=5 c=3 k=4 in=8x10 f=3x3 pad=1", "n=2 c=4 k=6 g=2 in=150 f=5 pad=2",
                           "n=5 c=4 k=8 in=9x9 f=1x1", "n=1 c=4 k=8 in=15x10 f=1x1"}) {
    for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
      for (const char* layout : {"nchw", "nhwc"}) {
        for (const std::int64_t bytes :
             {std::int64_t{1}, std::int64_t{20000}, std::int64_t{1} << 20}) {
          expect_agreement(SmallCache(bytes),
                           std::string("op=") + pass + " dtype=f32 " + rest + " layout=" + layout);
        }
      }
    }
  }
}

// The engine with a workspace of so many bytes at most.
class Limited final : public Engine {
 public:
  explicit Limited(std::size_t limit) : limit_(limit) {}
  std::string_view name() const override { return "cuda.im2col"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return im2col_engine().ways(); }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view) const override {
    Offer offer = im2col_engine().offer(p, device);
    offer.prepare = [within = offer.prepare_within, limit = limit_] { return within(limit); };
    return offer;
  }
  std::size_t limit_;
};

// From all columns down to 64 of them, or one image that is gathered, and from products with a
// workspace to those without.
TEST(CudaIm2col, WorkspaceKeepsToItsLimit) {
  for (const char* line : {"op=fwd dtype=f32 n=3 c=4 k=8 in=20x20 f=3x3 pad=1",
                           "op=fwd dtype=f16 n=2 c=8 k=8 g=2 in=300 f=5 pad=2 layout=nhwc act=relu",
                           "op=dgrad dtype=f64 n=3 c=4 k=8 in=20x20 f=3x3 pad=1",
                           "op=wgrad dtype=f32 n=3 c=4 k=8 in=20x20 f=3x3 pad=1",
                           "op=fwd dtype=c64 n=3 c=4 k=8 in=20x20 f=3x3 pad=1",
                           "op=wgrad dtype=c128 n=3 c=2 k=3 in=20x20 f=3x3 pad=1",
                           "op=fwd dtype=i8:i8:i32 n=3 c=4 k=8 in=20x20 f=3x3 pad=1",
                           "op=fwd dtype=u8:u8:i32 n=3 c=4 k=8 in=20x20 f=3x3 pad=1 bias=1",
                           "op=dgrad dtype=i8 n=3 c=4 k=8 in=20x20 f=3x3 pad=1",
                           "op=wgrad dtype=u8:i32:i8 acc=i32 n=3 c=4 k=8 in=20x20 f=3x3 pad=1"}) {
    SCOPED_TRACE(line);
    const Offer offer = im2col_engine().offer(Problem::parse(line), Device::cuda(0));
    const std::size_t wish = offer.prepare()->workspace_bytes();
    const std::size_t min = offer.prepare_within(0)->workspace_bytes();
    EXPECT_LT(2 * min, wish);
    for (std::size_t i = 0; i < 32; ++i) {
      const std::size_t limit = wish * i / 31;
      const std::size_t bytes = offer.prepare_within(limit)->workspace_bytes();
      EXPECT_LE(bytes, std::max(limit, min)) << limit;
    }
    for (const std::size_t limit : {std::size_t{0}, wish / 5, wish / 2}) {
      expect_agreement(Limited(limit), line);
    }
  }
}

TEST(CudaIm2col, TensorsThatAreMatricesAreNotCopied) {
  EXPECT_NE(policy_of("op=fwd dtype=f32 n=2 c=8 k=8 in=6x6 f=1x1").find("x in place, y in place"),
            std::string::npos);
  EXPECT_NE(policy_of("op=fwd dtype=f16 n=2 c=8 k=8 g=2 in=6x6 f=1x1 layout=nhwc")
                .find("x in place, y in place"),
            std::string::npos);
  EXPECT_EQ(policy_of("op=fwd dtype=f32 n=2 c=8 k=8 in=6x6 f=1x1 stride=2").find("x in place"),
            std::string::npos);
  EXPECT_EQ(policy_of("op=fwd dtype=f32 n=2 c=8 k=8 in=6x6 f=3x3 beta=1").find("in place"),
            std::string::npos);
  emulator::Recorder recorder;
  expect_agreement(im2col_engine(), "op=fwd dtype=f32 n=2 c=8 k=8 in=6x6 f=1x1 layout=nhwc");
  for (const emulator::Report& report : recorder.reports()) {
    EXPECT_FALSE(report.kernel.starts_with("im2col ")) << report.kernel;
  }
}

// What the copies move, against the least: each column is written once, and neighbours together.
TEST(CudaIm2col, MovesNoMoreThanItMust) {
  for (const char* line :
       {"op=fwd dtype=f32 n=2 c=8 k=8 in=32x32 f=3x3 pad=1 beta=1",
        "op=fwd dtype=f16 n=2 c=64 k=64 in=16x16 f=3x3 pad=1 beta=1 layout=nhwc"}) {
    SCOPED_TRACE(line);
    emulator::Recorder recorder;
    test::Prepared prepared(im2col_engine(), line);
    prepared.run();
    (void)cudaDeviceSynchronize();
    int kernels = 0;
    for (const emulator::Report& report : recorder.reports()) {
      if (!report.kernel.starts_with("im2col ")) continue;
      ++kernels;
      // The nine taps of an output read nine times what they share.
      emulator::expect_within(report, {.read_sector_use = 0.8, .read_redundancy = 9.01});
    }
    EXPECT_EQ(kernels, 2);  // columns and store; the filter lies in order
  }
}

TEST(CudaIm2colPolicy, ChunksStayInHalfOfL2) {
  const Problem p = Problem::parse("op=fwd dtype=f16 n=64 c=256 k=256 in=56x56 f=3x3 pad=1");
  const GpuMachine h200 = reference_gpu_machine();
  const im2col::Geometry g = im2col::lower(p);
  const im2col::Cut cut = im2col::cut(p, g, DType::f16, h200.l2_bytes / 2, true);
  EXPECT_LE(cut.images * cut.outputs * g.depth() * 2, h200.l2_bytes / 2);
  EXPECT_GE(2 * cut.images * cut.outputs * g.depth() * 2, h200.l2_bytes / 2);
  // Products dominate: 64 x 56 x 56 x 256 x 2304 at the published rate of matrix instructions.
  const double us = im2col::predict_us(h200, p, g, cut, DType::f16);
  const double products =
      64.0 * 56 * 56 * 256 * 2304 / (h200.multiprocessors() * h200.clock_mhz * h200.mma_products);
  EXPECT_GT(us, products);
  EXPECT_LT(us, 3 * products);
}

}  // namespace
}  // namespace faltung::cuda
