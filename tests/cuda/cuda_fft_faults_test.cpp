#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "cpp/core/message.hpp"
#include "cuda/fft/fft_engine.hpp"
#include "tests/cuda/faults.hpp"
#include "tests/cuda/prepared.hpp"
#include "tests/cuda/standins/cufft_standin.hpp"

// cuda.fft where calls of cuFFT and allocations fail.
namespace faltung::cuda {
namespace {

using test::cufft_standin;

constexpr const char* lines[] = {"op=fwd dtype=f32 n=2 c=2 k=2 in=40 f=9 pad=4",
                                 "op=fwd dtype=i8:i8:i32 c=2 k=2 g=2 in=9x9 f=5x5 pad=2",
                                 "op=fwd dtype=f16 n=2 c=3 in=4x5x6 f=2x3x2 pad=1 layout=nhwc",
                                 "op=fwd dtype=i32 c=2 in=20 f=9 pad=4",
                                 "op=dgrad dtype=c64 n=2 in=9x9 f=3x3 pad=1",
                                 "op=dgrad dtype=f64 in=20 f=30 pad=15 boundary=mirror stride=2",
                                 "op=dgrad dtype=i64 in=20 f=5",
                                 "op=wgrad dtype=f64 in=30 f=7 pad=3",
                                 "op=wgrad dtype=bf16 n=3 c=2 k=4 in=9x8 f=3x4 pad=1"};

int open() { return cufft_standin().open_plans(); }

// Calls f(sequence) for each problem, with its wish of a workspace and with the least.
template <typename F>
void for_each_sequence(const F& f) {
  for (const char* line : lines) {
    for (const bool limited : {false, true}) {
      SCOPED_TRACE(message(line, limited ? ", the least workspace" : ""));
      test::Sequence calls(line, [limited](const Problem& p) {
        const Offer offer = fft_engine().offer(p, Device::cuda(0));
        return limited ? offer.prepare_within(0) : offer.prepare();
      });
      f(calls);
    }
  }
}

/// Loads by callbacks, as long as it lives: small problems have none of themselves.
struct WithCallbacks {
  WithCallbacks() { setenv("FALTUNG_CUFFT_CALLBACKS", "all", 1); }
  WithCallbacks(const WithCallbacks&) = delete;
  WithCallbacks& operator=(const WithCallbacks&) = delete;
  ~WithCallbacks() { unsetenv("FALTUNG_CUFFT_CALLBACKS"); }
};

// For each reason that the documentation has. Without memory for a plan, another engine is asked.
TEST(CudaFftFaults, EveryCallMayFail) {
  int faults = 0;
  for_each_sequence([&](test::Sequence& calls) {
    for (const int status : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 16, 17, 18, 19, 20}) {
      faults += test::fail_in_turn(calls, test::failing_call(cufft_standin(), status, {2}, "cufft"),
                                   open);
    }
  });
  test::report("calls", faults, 3000);
  for (const char* line : lines) {
    test::expect_agreement(fft_engine(), line, {.exact_integers = false, .bound_filter = true});
  }
}

// Without plans that have callbacks there are those that have none.
TEST(CudaFftFaults, EveryCallMayFailWithCallbacks) {
  const WithCallbacks callbacks;
  int faults = 0;
  for_each_sequence([&](test::Sequence& calls) {
    for (const int status : {2, 5, 17}) {
      faults += test::fail_in_turn(calls, test::failing_call(cufft_standin(), status, {2}, "cufft"),
                                   open);
    }
  });
  test::report("calls_with_callbacks", faults, 1000);
}

TEST(CudaFftFaults, EveryAllocationMayFail) {
  int faults = 0;
  for_each_sequence([&](test::Sequence& calls) {
    faults += test::fail_in_turn(calls, test::failing_host_allocation(), open);
  });
  test::report("allocations", faults, 200);
}

TEST(CudaFftFaults, EveryAllocationMayFailWithCallbacks) {
  const WithCallbacks callbacks;
  int faults = 0;
  for_each_sequence([&](test::Sequence& calls) {
    faults += test::fail_in_turn(calls, test::failing_host_allocation(), open);
  });
  test::report("allocations_with_callbacks", faults, 200);
}

// Those of a filter that is bound.
TEST(CudaFftFaults, MemoryOfTheDeviceMayBeMissing) {
  int faults = 0;
  for_each_sequence([&](test::Sequence& calls) {
    faults += test::fail_in_turn(calls, test::failing_device_allocation(), open);
  });
  test::report("allocations_of_the_device", faults, 30);
}

}  // namespace
}  // namespace faltung::cuda
