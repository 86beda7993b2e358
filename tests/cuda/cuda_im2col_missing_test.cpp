#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include <faltung/machine.hpp>
#include <faltung/plan.hpp>

#include "cuda/im2col/im2col_engine.hpp"
#include "tests/emulator/emulated_device.hpp"

// Without cuBLASLt: FALTUNG_CUBLASLT_LIBRARY names no file. The library is opened once in a
// process.
namespace faltung::cuda {
namespace {

TEST(CudaIm2colMissing, IsAReasonOfTheRefusal) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=8 c=64 k=64 in=28x28 f=3x3 pad=1");
  const Offer offer = im2col_engine().offer(p, Device::cuda(0));
  EXPECT_FALSE(offer);
  EXPECT_NE(offer.refusal.find("FALTUNG_CUBLASLT_LIBRARY is '/nowhere/libcublasLt.so.13'"),
            std::string::npos)
      << offer.refusal;
  // Planned for another machine, which may have it.
  EXPECT_TRUE(std::ranges::any_of(candidates_for(p, "h200"),
                                  [](const Candidate& candidate) {
                                    return candidate.engine == "cuda.im2col" && candidate.supported;
                                  }) ||
              !std::ranges::count(engine_names(), std::string("cuda.im2col")));
}

}  // namespace
}  // namespace faltung::cuda
