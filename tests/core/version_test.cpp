#include <gtest/gtest.h>

#include <algorithm>
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

}  // namespace
}  // namespace faltung
