#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"

// The problems written for one engine or one kernel, on a GPU; under the emulator see
// tests/emulator. engine_agreement_test has those that every engine shares.
namespace faltung::test {
namespace {

struct Case {
  std::string name;
  const Engine* engine;
  Problem problem;
};
void PrintTo(const Case& c, std::ostream* os) {
  *os << c.engine->name() << " [" << c.problem << ']';
}

std::vector<Case> cases() {
  std::vector<Case> result;
  if (gpu_device() == nullptr) return result;
  for (const std::string file : {"kernels", "depthwise", "separable"}) {
    const std::vector<std::string> lines = problem_lines("tests/problems/" + file + ".txt");
    for (std::size_t i = 0; i < lines.size(); ++i) {
      for (const Engine* engine : gpu_device()->engines()) {
        const Problem problem = Problem::parse(lines[i]);
        if (!engine->offer(problem, Device::cuda(0))) continue;
        std::string name = file + std::to_string(i) + '_' + std::string(engine->name());
        std::ranges::replace(name, '.', '_');
        result.push_back({name, engine, problem});
      }
    }
  }
  return result;
}

class ProblemsOnGpu : public ::testing::TestWithParam<Case> {};

TEST_P(ProblemsOnGpu, AgreeWithTheReference) {
  const Problem& p = GetParam().problem;
  const Engine& engine = *GetParam().engine;
  const TestDevice& gpu = *gpu_device();
  const auto expected = [&](const Operands& operands) {
    return run_guarded(cpu_device(), reference_engine(), p, operands);
  };
  const ErrorBound bound = engine.offer(p, Device::cuda(0)).prepare()->error_bound();
  const Operands small = filled_operands(p, Fill::small_integers, test_seed());
  EXPECT_TRUE(equal_elements(expected(small), run_guarded(gpu, engine, p, small)));
  const Operands reals = filled_operands(p, Fill::reals, test_seed());
  const Array first = run_guarded(gpu, engine, p, reals, {.poison = std::byte{0xff}});
  EXPECT_LE(error_ratio(p, reals, expected(reals), first, bound), 1);
  EXPECT_TRUE(
      same_elements(first, run_guarded(gpu, engine, p, reals, {.poison = std::byte{0x5a}})));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProblemsOnGpu);
INSTANTIATE_TEST_SUITE_P(All, ProblemsOnGpu, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(ProblemsOnGpuSupport, AGpuTakesThem) {
  if (gpu_device() == nullptr) GTEST_SKIP() << "no GPU here";
  EXPECT_GT(cases().size(), 150u);
}

}  // namespace
}  // namespace faltung::test
