// What only the whole library knows: its version, and which engines it was built with.

#include <gtest/gtest.h>

#include <algorithm>
#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <faltung/version.hpp>
#include <string>

namespace faltung {
namespace {

TEST(Version, IsThatOfTheProject) {
  EXPECT_EQ(version(), FALTUNG_PROJECT_VERSION);
  EXPECT_EQ(std::to_string(FALTUNG_VERSION_MAJOR) + '.' + std::to_string(FALTUNG_VERSION_MINOR) +
                '.' + std::to_string(FALTUNG_VERSION_PATCH),
            FALTUNG_PROJECT_VERSION);
}

TEST(BuildFeatures, AreThoseOfTheEnginesAndOfTheBuild) {
  const auto names = engine_names();
  const auto has = [&](const char* start) {
    return std::ranges::any_of(names,
                               [&](const std::string& name) { return name.starts_with(start); });
  };
  const BuildFeatures features = build_features();
  EXPECT_EQ(features.simd, has("cpu.gemm"));
  EXPECT_EQ(features.cuda, has("cuda."));
  EXPECT_EQ(features.cuda, bool{FALTUNG_EXPECT_CUDA});
}

// The message of the NoEngine that making a plan throws; empty if a plan is made.
std::string missing_engine(const Device& device) {
  try {
    (void)Plan::make(Problem::parse("op=fwd dtype=f32 in=4 f=3 pad=1"), device);
  } catch (const NoEngine& error) {
    return error.what();
  }
  return {};
}

TEST(BuildFeatures, ADeviceThatCannotBeUsedIsRefusedWithTheReason) {
  const auto expect_part = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const std::string reason = cuda_unavailable_reason();
  if (reason.empty()) {
    EXPECT_EQ(missing_engine(Device::cuda(0)), "");
    expect_part(missing_engine(Device::cuda(9999)), "there is no cuda:9999");
    return;
  }
  const std::string text = missing_engine(Device::cuda(0));
  expect_part(text, "on cuda:0");
  expect_part(text, "cpu.reference: runs on the CPU only");
  if (build_features().cuda) {
    expect_part(text, "cuda.direct: no CUDA device can be used here: " + reason);
  }
}

}  // namespace
}  // namespace faltung
