#include <gtest/gtest.h>

#include <cstdio>
#include <new>
#include <string>

#include "cuda/im2col/im2col_engine.hpp"
#include "tests/cuda/failing_new.hpp"
#include "tests/cuda/faults.hpp"
#include "tests/cuda/standins/cublaslt_standin.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/memory_checker.hpp"

// cuda.im2col where calls of cuBLASLt and allocations fail.

namespace faltung::cuda {
namespace {

using test::cublaslt_standin;

constexpr const char* lines[] = {
    "op=fwd dtype=f32 n=2 c=2 k=2 in=9x9 f=3x3 pad=1",
    "op=fwd dtype=f32 n=2 c=4 k=8 in=6x6 f=3x3 pad=1 bias=1 layout=nhwc",
    "op=fwd dtype=f16 n=2 c=8 k=8 g=2 in=6x6 f=1x1 layout=nhwc",
    "op=fwd dtype=i8:i8:i32 n=2 c=3 k=5 in=9x8 f=3x3",
    "op=fwd dtype=u8:u8:i32 n=2 c=3 k=5 in=9x8 f=3x3 pad=1",
    "op=dgrad dtype=f64 n=2 c=4 k=4 g=2 in=9 f=3 layout=nhwc",
    "op=dgrad dtype=c64 n=2 c=2 k=3 in=9 f=3",
    "op=wgrad dtype=f16 n=2 c=4 k=4 in=9x9 f=3x3",
    "op=wgrad dtype=u8:i32:i8 acc=i32 n=2 c=3 k=5 in=9x7 f=3x3 pad=1"};

// In `prepare` and in `run`; nothing is left behind, and the next run is right.
TEST(CudaIm2colFaults, EveryCallMayFail) {
  (void)test::bytes_of_run(im2col_engine(), lines[0]);  // the handle is there from now on
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    const std::vector<std::byte> without = test::bytes_of_run(im2col_engine(), line);
    const int before = cublaslt_standin().open();
    for (const int status : {1, 3, 7, 8, 11, 13, 14, 15, 16}) {
      for (int nth = 1;; ++nth) {
        cublaslt_standin().fail("any", nth, status);
        test::expect_error_or_result(im2col_engine(), line, without, "BLASLt", status == 3);
        const bool reached = cublaslt_standin().calls("any") >= nth;
        cublaslt_standin().fail("", 0, 0);
        ASSERT_EQ(cublaslt_standin().open(), before) << nth;
        if (!reached) break;
        ++faults;
      }
    }
    EXPECT_EQ(test::bytes_of_run(im2col_engine(), line), without);
  }
  EXPECT_GE(faults, 1500);
  RecordProperty("faults", faults);
  std::printf("%d faults\n", faults);
}

// Those of `prepare`, which is where the engine allocates.
TEST(CudaIm2colFaults, EveryAllocationMayFail) {
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    const std::vector<std::byte> without = test::bytes_of_run(im2col_engine(), line);
    const Problem p = Problem::parse(line);
    const int before = cublaslt_standin().open();
    for (long nth = 0;; ++nth) {
      bool failed = false;
      try {
        test::allocations_left = nth;
        const std::unique_ptr<Task> task = im2col_engine().offer(p, Device::cuda(0)).prepare();
        test::allocations_left = -1;
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      ASSERT_EQ(cublaslt_standin().open(), before) << nth;
      if (!failed) break;
      ++faults;
    }
    EXPECT_EQ(test::bytes_of_run(im2col_engine(), line), without);
  }
  EXPECT_GE(faults, 100);
  RecordProperty("faults", faults);
  std::printf("%d faults\n", faults);
}

// A bound filter is the one thing that takes memory of the device.
TEST(CudaIm2colFaults, MemoryOfTheDeviceMayBeMissing) {
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    test::Prepared prepared(im2col_engine(), line);
    const std::size_t before = emulator::allocation_count();
    for (int nth = 1;; ++nth) {
      emulator::fail_allocation(nth);
      bool failed = false;
      try {
        (void)prepared.task->prepare_filter(Stream{Device::cuda(0)}, prepared.w.data());
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
    prepared.run();
    (void)cudaDeviceSynchronize();
  }
  EXPECT_GE(faults, 3);  // each filter that is packed
  RecordProperty("faults", faults);
  std::printf("%d faults\n", faults);
}

}  // namespace
}  // namespace faltung::cuda
