#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "cuda/cudnn/cudnn_engine.hpp"
#include "tests/cuda/faults.hpp"
#include "tests/cuda/standins/cudnn_standin.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/memory_checker.hpp"

// cuda.cudnn where calls of cuDNN and allocations on the device fail.
namespace faltung::cuda {
namespace {

using test::cudnn_standin;

// The engine with a workspace that nobody was lent before, so that it finds no choice of its own.
class Fresh final : public Engine {
 public:
  std::string_view name() const override { return "cuda.cudnn"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return cudnn_engine().ways(); }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view) const override {
    static std::size_t limit = std::size_t{1} << 30;
    Offer offer = cudnn_engine().offer(p, device);
    offer.prepare = [within = offer.prepare_within, own = ++limit] { return within(own); };
    return offer;
  }
};

constexpr const char* lines[] = {
    "op=fwd dtype=f32 c=2 k=3 in=6x5 f=3x3 pad=1 bias=1",
    "op=fwd dtype=i8 overflow=saturate layout=nhwc c=2 k=3 in=6x5 f=3x3 pad=1",
    "op=dgrad dtype=f64 c=2 k=3 in=6x5 f=3x3 beta=1", "op=wgrad dtype=f64 c=2 k=3 in=6 f=3"};

// In `prepare` and in `run`: another plan may do. Nothing is left behind, and the next run is
// right. Of thousands of calls, most of which read notes of one configuration after the other, all
// of the first ones and some of the others.
TEST(CudaCudnnFaults, CallsMayFail) {
  FALTUNG_NEEDS_CUDNN();
  int faults = 0;
  for (const std::string line : lines) {
    SCOPED_TRACE(line);
    const Fresh engine;
    const std::vector<std::byte> without = test::bytes_of_run(engine, line);
    const int before = cudnn_standin().open();
    for (const int status : {1001, 2000, 3000, 4000, 4003, 4004, 5000}) {
      for (int nth = 1;; nth += std::max(1, nth / 24)) {
        cudnn_standin().fail("any", nth, status);
        test::expect_error_or_result(engine, line, without, "cuDNN",
                                     status == 4003 || status == 4004);
        const bool reached = cudnn_standin().calls("any") >= nth;
        cudnn_standin().fail("", 0, 0);
        ASSERT_EQ(cudnn_standin().open(), before) << nth;
        if (!reached) break;
        ++faults;
      }
    }
    EXPECT_EQ(test::bytes_of_run(engine, line), without);
  }
  EXPECT_GE(faults, 1500);
  RecordProperty("faults", faults);
  std::printf("%d faults\n", faults);
}

// Which measuring takes, for the tensors and for workspaces.
TEST(CudaCudnnFaults, MemoryOfTheDeviceMayBeMissing) {
  FALTUNG_NEEDS_CUDNN();
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const std::size_t before = emulator::allocation_count();
    for (int nth = 1;; ++nth) {
      emulator::fail_allocation(nth);
      bool failed = false;
      try {
        (void)cudnn_engine().offer(p, Device::cuda(0), "measured").prepare();
      } catch (const DeviceError& error) {
        failed = true;
        EXPECT_NE(std::string(error.what()).find("memory"), std::string::npos) << error.what();
      }
      emulator::fail_allocation(0);
      (void)cudaDeviceSynchronize();
      ASSERT_EQ(emulator::allocation_count(), before);
      if (!failed) break;
      ++faults;
    }
  }
  EXPECT_GE(faults, 12);
  RecordProperty("faults", faults);
  std::printf("%d faults\n", faults);
}

}  // namespace
}  // namespace faltung::cuda
