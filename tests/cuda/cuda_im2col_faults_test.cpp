#include <gtest/gtest.h>

#include <string>

#include "cuda/im2col/im2col_engine.hpp"
#include "tests/cuda/faults.hpp"
#include "tests/cuda/standins/cublaslt_standin.hpp"

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

test::Sequence sequence(const char* line) {
  return {line,
          [](const Problem& p) { return im2col_engine().offer(p, Device::cuda(0)).prepare(); }};
}
int open() { return cublaslt_standin().open(); }

TEST(CudaIm2colFaults, EveryCallMayFail) {
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    test::Sequence calls = sequence(line);
    for (const int status : {1, 3, 7, 8, 11, 13, 14, 15, 16}) {
      faults += test::fail_in_turn(
          calls, test::failing_call(cublaslt_standin(), status, {3}, "BLASLt"), open);
    }
  }
  test::report("calls", faults, 1500);
}

TEST(CudaIm2colFaults, EveryAllocationMayFail) {
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    test::Sequence calls = sequence(line);
    faults += test::fail_in_turn(calls, test::failing_host_allocation(), open);
  }
  test::report("allocations", faults, 100);
}

// A bound filter is the one thing that takes memory of the device.
TEST(CudaIm2colFaults, MemoryOfTheDeviceMayBeMissing) {
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    test::Sequence calls = sequence(line);
    faults += test::fail_in_turn(calls, test::failing_device_allocation(), open);
  }
  test::report("allocations_of_the_device", faults, 3);  // each filter that is packed
}

}  // namespace
}  // namespace faltung::cuda
