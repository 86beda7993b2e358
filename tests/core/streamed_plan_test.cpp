#include <gtest/gtest.h>

#include <complex>
#include <cstring>
#include <optional>
#include <random>
#include <string>

#include <faltung/error.hpp>
#include <faltung/signal.hpp>
#include <faltung/streamed_plan.hpp>

#include "cpp/core/planner.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/operands.hpp"
#include "tests/support/property_problems.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

using test::Array;

TensorView view_of(Array& array) {
  return {array.bytes().data() + array.origin(), array.dtype(), array.shape(), array.strides(), {}};
}

StreamedOptions on_cpu(std::size_t limit) {
  return {.devices = {Device::cpu()}, .memory_limit = limit, .plan = {.elementwise = true}};
}

/// The limit that a refusal names, or 0.
std::size_t least_of(const std::string& refusal) {
  const std::string before = "the least that does is ";
  const std::size_t at = refusal.find(before);
  return at == std::string::npos ? 0 : std::stoull(refusal.substr(at + before.size()));
}

// The CPU as the device: the same pieces, memory and order of copies, under limits from a fortieth
// of the tensors to all of them.
TEST(StreamedPlan, ComputesTheProblemWithinItsLimit) {
  test::RandomProblems draw(test::test_seed());
  std::mt19937_64 random(test::test_seed());
  int streamed = 0;
  int refused = 0;
  for (int i = 0; i < 600; ++i) {
    const Problem problem = test::tamed(draw());
    if (problem.epilogue.alpha != 1) continue;  // products are not exact then
    const double share = static_cast<double>(1 + random() % 40) / 40;
    auto limit = static_cast<std::size_t>(share * problem.bytes()) + 1;
    std::optional<StreamedPlan> plan;
    try {
      plan = StreamedPlan::make(problem, on_cpu(limit));
    } catch (const NoEngine& error) {
      ++refused;
      limit = least_of(error.what());
      if (limit == 0) continue;
      plan = StreamedPlan::make(problem, on_cpu(limit));
    }
    ASSERT_LE(plan->facts().device_bytes, limit) << problem;
    test::Operands operands =
        test::filled_operands(problem, test::Fill::small_integers, test::test_seed() + i);
    const Array expected =
        test::run_guarded(test::cpu_device(), reference_engine(), problem, operands);
    ConstTensorView bias;
    if (problem.epilogue.bias) bias = view_of(operands.bias);
    plan->run(view_of(operands.first), view_of(operands.second), view_of(operands.before), bias);
    ASSERT_TRUE(test::equal_elements(operands.before, expected)) << plan->explain();
    streamed += plan->facts().pieces > 1 ? 1 : 0;
  }
  EXPECT_GT(streamed, 100);
  EXPECT_GT(refused, 20);
}

TEST(StreamedPlan, NamesTheLeastLimit) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 n=2 c=3 in=40x40 k=4 f=3x3");
  std::size_t least = 0;
  try {
    (void)StreamedPlan::make(problem, on_cpu(1000));
    FAIL() << "1000 bytes do not hold one row of each";
  } catch (const NoEngine& error) {
    EXPECT_NE(std::string(error.what()).find("raise StreamedOptions::memory_limit"),
              std::string::npos);
    least = least_of(error.what());
  }
  EXPECT_LE(StreamedPlan::make(problem, on_cpu(least)).facts().device_bytes, least);
  EXPECT_THROW((void)StreamedPlan::make(problem, on_cpu(least - 1)), NoEngine);
}

TEST(StreamedPlan, RefusesWhatItCannotKeep) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 in=40 f=3");
  StreamedOptions options = on_cpu(0);
  EXPECT_REFUSED((void)StreamedPlan::make(problem, options), "memory_limit");
  options = on_cpu(1000);
  options.devices = {};
  EXPECT_REFUSED((void)StreamedPlan::make(problem, options), "devices is empty");
  options.devices = {Device::cpu(), Device::cpu()};
  EXPECT_REFUSED((void)StreamedPlan::make(problem, options), "twice");
  options = on_cpu(1000);
  options.plan.allocator = Allocator::standard(Device::cpu());
  EXPECT_REFUSED((void)StreamedPlan::make(problem, options), "allocator");
  const StreamedPlan plan = StreamedPlan::make(problem, on_cpu(1u << 20));
  Tensor x = Tensor::zeros(f32, {1, 1, 40}), w = Tensor::zeros(f32, {1, 1, 3});
  Tensor y = Tensor::zeros(f32, {1, 1, 38});
  EXPECT_REFUSED(plan.run(w, x, y), "x has shape");
  EXPECT_REFUSED(plan.run(x, w, x), "y has shape");
  EXPECT_REFUSED(plan.run(x, w, y, w), "bias");
}

// Every call that lowers, with exchanged operands, results conjugated and loops over what is no
// dimension of the problem.
TEST(StreamedPlan, RunsCallsOfFrontEnds) {
  Tensor x = Tensor::zeros(c64, {4, 300});
  Tensor k = Tensor::zeros(c64, {1, 20});
  int i = 0;
  for (Tensor* each : {&x, &k}) {
    for (std::complex<float>& value : each->values<std::complex<float>>()) {
      value = {static_cast<float>(i % 7), static_cast<float>(i % 3)};
      ++i;
    }
  }
  const auto same = [](const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
  };
  const signal::ConvolveOptions options{.mode = signal::Mode::full, .method = Method::direct};
  const Lowering call = signal::lower_correlate(k, x, options);
  const StreamedOptions streamed = on_cpu(12000);
  EXPECT_TRUE(same(run_streamed(call, k, x, streamed), signal::correlate(k, x, options)));
  const StreamedPlan other =
      StreamedPlan::make(Problem::parse("op=fwd dtype=f32 in=9 f=3"), on_cpu(4000));
  Tensor y(c64, call.result_shape);
  EXPECT_REFUSED(run_streamed(other, call, k, x, y), "the lowering for");
}

TEST(StreamedPlan, TakesEmptyTensors) {
  const Problem problem = Problem::parse("op=dgrad dtype=f32 n=1 c=2 in=4 k=0 f=3");
  const StreamedPlan plan = StreamedPlan::make(problem, on_cpu(1));
  Tensor dy = Tensor::zeros(f32, {1, 0, 2}), w = Tensor::zeros(f32, {0, 2, 3});
  Tensor dx = Tensor::from<float>({1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 4});
  plan.run(dy, w, dx);
  for (const float value : dx.values<float>()) EXPECT_EQ(value, 0);
}

TEST(StreamedPlan, ExplainsItself) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 n=8 in=1000 f=3");
  const StreamedPlan plan = StreamedPlan::make(problem, on_cpu(40'000));
  const std::string text = plan.explain();
  EXPECT_NE(text.find("of 8 images"), std::string::npos) << text;
  EXPECT_NE(text.find("estimate"), std::string::npos) << text;
  EXPECT_GT(plan.facts().pieces, 1u);
  EXPECT_GE(plan.facts().copied_in_bytes, 8 * 4000);
  EXPECT_EQ(plan.facts().copied_out_bytes, 8 * 4 * 998);
}

}  // namespace
}  // namespace faltung
