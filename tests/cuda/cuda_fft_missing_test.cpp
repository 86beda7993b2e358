#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include <faltung/machine.hpp>
#include <faltung/plan.hpp>

#include "cuda/fft/fft_engine.hpp"
#include "tests/emulator/emulated_device.hpp"

// Without cuFFT: FALTUNG_CUFFT_LIBRARY names no file. The library is opened once in a process.
namespace faltung::cuda {
namespace {

TEST(CudaFftMissing, IsAReasonOfTheRefusal) {
  const Problem p = Problem::parse("op=fwd dtype=f32 in=4096 f=1025 pad=512");
  const Offer offer = fft_engine().offer(p, Device::cuda(0));
  EXPECT_FALSE(offer);
  EXPECT_NE(offer.refusal.find("FALTUNG_CUFFT_LIBRARY is '/nowhere/libcufft.so.12'"),
            std::string::npos)
      << offer.refusal;
  // Planned for another machine, which may have it.
  EXPECT_TRUE(std::ranges::any_of(candidates_for(p, "h200"),
                                  [](const Candidate& candidate) {
                                    return candidate.engine == "cuda.fft" && candidate.supported;
                                  }) ||
              !std::ranges::count(engine_names(), std::string("cuda.fft")));
}

}  // namespace
}  // namespace faltung::cuda
