#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "cuda/cudnn/cudnn_engine.hpp"
#include "tests/cuda/faults.hpp"
#include "tests/cuda/standins/cudnn_standin.hpp"

// cuda.cudnn where calls of cuDNN and allocations fail.
namespace faltung::cuda {
namespace {

using test::cudnn_standin;

constexpr const char* lines[] = {
    "op=fwd dtype=f32 c=2 k=3 in=6x5 f=3x3 pad=1 bias=1",
    "op=fwd dtype=i8 overflow=saturate layout=nhwc c=2 k=3 in=6x5 f=3x3 pad=1",
    "op=dgrad dtype=f64 c=2 k=3 in=6x5 f=3x3 beta=1", "op=wgrad dtype=f64 c=2 k=3 in=6 f=3"};

// With a workspace that nobody was lent before, so that a choice finds none of its own.
test::Sequence sequence(const char* line, std::string way = {}) {
  return {line, [way = std::move(way)](const Problem& p) {
            static std::size_t limit = std::size_t{1} << 30;
            return cudnn_engine().offer(p, Device::cuda(0), way).prepare_within(++limit);
          }};
}
int open() { return cudnn_standin().open(); }

// Of thousands, most of which read notes of one configuration after the other, all of the first
// ones and some of the others.
int thinned(int nth) { return std::max(1, nth / 24); }

// Another plan may do.
TEST(CudaCudnnFaults, CallsMayFail) {
  FALTUNG_NEEDS_CUDNN();
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    test::Sequence calls = sequence(line);
    for (const int status : {1001, 2000, 3000, 4000, 4003, 4004, 5000}) {
      faults += test::fail_in_turn(
          calls, test::failing_call(cudnn_standin(), status, {4003, 4004}, "cuDNN"), open, thinned);
    }
  }
  test::report("calls", faults, 1500);
}

// Those within cuDNN are its own, and end the process.
TEST(CudaCudnnFaults, AllocationsMayFail) {
  FALTUNG_NEEDS_CUDNN();
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    test::Sequence calls = sequence(line);
    faults += test::fail_in_turn(calls, test::failing_host_allocation(), open, thinned);
  }
  test::report("allocations", faults, 200);
}

// Which measuring takes, for the tensors and for workspaces.
TEST(CudaCudnnFaults, MemoryOfTheDeviceMayBeMissing) {
  FALTUNG_NEEDS_CUDNN();
  int faults = 0;
  for (const char* line : lines) {
    SCOPED_TRACE(line);
    test::Sequence calls = sequence(line, "measured");
    faults += test::fail_in_turn(calls, test::failing_device_allocation(), open);
  }
  test::report("allocations_of_the_device", faults, 12);
}

}  // namespace
}  // namespace faltung::cuda
