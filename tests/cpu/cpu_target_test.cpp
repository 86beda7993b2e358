#include "cpp/cpu/simd/cpu_target.hpp"

#include <gtest/gtest.h>

#include <faltung/error.hpp>

namespace faltung {
namespace {

TEST(CpuTarget, EachCanBeForced) {
  const auto targets = cpu_targets();
  ASSERT_FALSE(targets.empty());
  for (const std::string& target : targets) {
    set_cpu_target(target);
    EXPECT_EQ(cpu_target(), target);
  }
  set_cpu_target("");
  EXPECT_EQ(cpu_target(), targets.front());
}

#if defined(__aarch64__)
TEST(CpuTarget, IsNeonOnArm) { EXPECT_EQ(cpu_target().substr(0, 4), "neon"); }
#endif

TEST(CpuTarget, RefusesWhatThisProcessorHasNot) {
  EXPECT_THROW(set_cpu_target("abacus"), InvalidProblem);
}

}  // namespace
}  // namespace faltung
