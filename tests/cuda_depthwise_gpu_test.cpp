#include <gtest/gtest.h>

#include <algorithm>

#include "cpp/core/backend.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"

// cuda.depthwise on a GPU; under the emulator see tests/emulator/cuda_depthwise_test.cpp.
namespace faltung::test {
namespace {

class Gpu final : public TestDevice {
 public:
  std::string name() const override { return "gpu"; }
  Stream stream() const override { return {Device::cuda(0)}; }
  std::span<const Engine* const> engines() const override { return engine_list(); }
  void* allocate(std::size_t bytes) const override {
    return cuda_backend().allocate(Device::cuda(0), bytes);
  }
  void release(void* data) const override { cuda_backend().release(Device::cuda(0), data); }
  void write(void* to, const void* from, std::size_t bytes) const override {
    cuda_backend().copy(to, Device::cuda(0), from, Device::cpu(), bytes);
  }
  void read(void* to, const void* from, std::size_t bytes) const override {
    cuda_backend().copy(to, Device::cpu(), from, Device::cuda(0), bytes);
  }
};

TEST(DepthwiseOnGpu, AgreesWithTheReference) {
  const std::string reason = cuda_backend().unavailable_reason();
  if (!reason.empty()) GTEST_SKIP() << reason;
  const auto engines = engine_list();
  const auto engine =
      std::ranges::find_if(engines, [](const Engine* e) { return e->name() == "cuda.depthwise"; });
  ASSERT_NE(engine, engines.end());
  const Gpu gpu;
  for (const std::string& line : problem_lines("tests/problems/depthwise.txt")) {
    const Problem p = Problem::parse(line);
    const auto expected = [&](const Operands& operands) {
      return run_guarded(cpu_device(), reference_engine(), p, operands);
    };
    const Operands small = filled_operands(p, Fill::small_integers, test_seed());
    EXPECT_TRUE(equal_elements(expected(small), run_guarded(gpu, **engine, p, small))) << line;
    const Operands reals = filled_operands(p, Fill::reals, test_seed());
    const Array first = run_guarded(gpu, **engine, p, reals, {.poison = std::byte{0xff}});
    const ErrorBound bound = (*engine)->prepare(p, Device::cuda(0))->error_bound();
    EXPECT_LE(error_ratio(p, reals, expected(reals), first, bound), 1) << line;
    EXPECT_TRUE(
        same_elements(first, run_guarded(gpu, **engine, p, reals, {.poison = std::byte{0x5a}})))
        << line;
  }
}

}  // namespace
}  // namespace faltung::test
