// FilterPlan and Lowering, where three_forms_test does not look: lent memory, and what they refuse.

#include <faltung/filter_plan.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <faltung/faltung.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

Tensor ramp(DType dtype, const Shape& shape) {
  Tensor all(f64, shape);
  double next = 0;
  for (double& value : all.values<double>())
    value = static_cast<double>(static_cast<int>(next += 7) % 31);
  return compact_copy(all, dtype);
}

bool same(const Tensor& a, const Tensor& b) {
  return std::ranges::equal(a.values<float>(), b.values<float>());
}

// An allocator that has nothing.
Allocator none() {
  return {nullptr, [](void*, std::size_t, std::size_t, const Stream&) -> void* { return nullptr; },
          [](void*, void*, std::size_t, std::size_t, const Stream&) {}};
}

class FilterPlanTest : public ::testing::Test {
 protected:
  // Two passes whose sums are rounded between them: an image in between.
  const image::GaussianOptions options{.sigma = 1.5, .output = f32, .accumulator = f64};
  const Tensor x = ramp(f32, {20, 30});
  const Tensor want = image::gaussian(x, options);
  Tensor y = Tensor::zeros(f32, {20, 30});
};

TEST_F(FilterPlanTest, AllocatesNothingInALentWorkspace) {
  image::GaussianOptions strict = options;
  strict.run.allocator = none();
  const FilterPlan plan = image::plan_gaussian(x, strict);
  ASSERT_GE(plan.workspace_bytes(), x.bytes());
  EXPECT_THROW(plan.run(x, y), DeviceError);
  Tensor memory(u8, {static_cast<std::int64_t>(plan.workspace_bytes())});
  plan.run(x, y, {}, {memory.data(), memory.bytes()});
  EXPECT_TRUE(same(y, want));
}

TEST_F(FilterPlanTest, RefusesMemoryThatDoesNotServe) {
  const FilterPlan plan = image::plan_gaussian(x, options);
  Tensor memory(u8, {static_cast<std::int64_t>(2 * plan.workspace_bytes())});
  auto* at = static_cast<std::byte*>(memory.data());
  EXPECT_REFUSED(plan.run(x, y, {}, {at, plan.workspace_bytes() - 1}), "the plan needs");
  EXPECT_REFUSED(plan.run(x, y, {}, {at + 1, plan.workspace_bytes()}), "misaligned");
  EXPECT_REFUSED(plan.run(x, y, {}, {nullptr, 4096}), "at a null pointer");
  Tensor large(f32, {1 << 16});
  const TensorView inside = view(static_cast<float*>(large.data()), {20, 30});
  EXPECT_REFUSED(plan.run(x, inside, {}, {large.data(), large.bytes()}), "overlaps y");
  EXPECT_REFUSED(plan.run(inside, y, {}, {large.data(), large.bytes()}), "overlaps x");
}

TEST_F(FilterPlanTest, RefusesOtherViews) {
  const FilterPlan plan = image::plan_gaussian(x, options);
  Tensor other = ramp(f32, {20, 31});
  Tensor wide = ramp(f64, {20, 30});
  EXPECT_REFUSED(plan.run(other, y), "x has shape 20x31");
  EXPECT_REFUSED(plan.run(x, other), "y has shape 20x31");
  EXPECT_REFUSED(plan.run(wide, y), "x has type f64");
  EXPECT_REFUSED(plan.run(y, y), "y overlaps x");
  int there = 0;
  EXPECT_REFUSED(plan.run(x, y, {Device::cpu(), &there}), "which has none");
}

TEST_F(FilterPlanTest, PlansWithoutData) {
  ConstTensorView later = x.view();
  later.data = nullptr;
  const FilterPlan plan = image::plan_gaussian(later, options);
  EXPECT_EQ(plan.x_shape(), x.shape());
  EXPECT_EQ(plan.y_shape(), x.shape());
  EXPECT_EQ(plan.y_dtype(), f32);
  plan.run(x, y);
  EXPECT_TRUE(same(y, want));
  EXPECT_REFUSED(plan.run(later, y), "null");
}

TEST_F(FilterPlanTest, SaysWhatItDoes) {
  const std::string gauss = image::plan_gaussian(x, options).explain();
  EXPECT_EQ(std::ranges::count(gauss, '\n'), 2) << gauss;  // two passes
  EXPECT_NE(gauss.find("op=fwd"), std::string::npos) << gauss;
  const Tensor bytes = ramp(u8, {20, 30});
  EXPECT_EQ(image::plan_median_filter(bytes, {.size = 3}).explain(), "rank of windows\n");
  EXPECT_NE(image::plan_sobel_magnitude(x).explain().find("square root\n"), std::string::npos);
}

TEST_F(FilterPlanTest, ServesManyThreads) {
  const FilterPlan plan = image::plan_gaussian(x, options);
  std::vector<Tensor> results(4);
  std::vector<std::thread> threads;
  for (Tensor& result : results) {
    threads.emplace_back([&] {
      result = Tensor(f32, x.shape());
      for (int i = 0; i < 20; ++i) plan.run(x, result);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Tensor& result : results) EXPECT_TRUE(same(result, want));
}

TEST(Lowering, KeepsItsOwnFilterOrNone) {
  const Tensor x = ramp(f32, {20}), w = ramp(f32, {3});
  Tensor y = Tensor::zeros(f32, {20});
  const Lowering own = image::lower_correlate1d(x, w);
  const Plan own_plan = Plan::make(own.problem, Device::cpu(), own.plan);
  EXPECT_REFUSED(own.run(own_plan, {}, x, w, y), "has a copy of w");
  const Lowering open = signal::lower_convolve(x, w, {.mode = signal::Mode::same});
  const Plan open_plan = Plan::make(open.problem, Device::cpu(), open.plan);
  EXPECT_REFUSED(open.run(open_plan, {}, x, y), "pass k as well");
  EXPECT_REFUSED(open.run(own_plan, {}, x, w, y), "plan for this one");
  EXPECT_REFUSED(open.run(open_plan, {}, y, w, y), "y overlaps x");
}

TEST(Lowering, HasNoMoreToDoThanTheProblemSays) {
  const Tensor x = ramp(f32, {20}), w = ramp(f32, {3});
  EXPECT_REFUSED(signal::lower_resample_poly(x, 2, 2), "which copies x");
  EXPECT_REFUSED(signal::lower_resample_poly(x, 2, 1, {.padtype = signal::PadType::mean}),
                 "taken off before");
  EXPECT_REFUSED(signal::lower_upfirdn(w, x, {.mode = signal::Extension::smooth}), "of its own");
}

TEST(PlannedRates, AllocateNothingInALentWorkspace) {
  const Tensor x = ramp(f32, {4, 30}), h = ramp(f32, {5});
  const auto expect = [&](const FilterPlan& plan, const Tensor& want) {
    EXPECT_EQ(plan.x_shape(), x.shape());
    ASSERT_EQ(plan.y_shape(), want.shape());
    Tensor y = Tensor::zeros(plan.y_dtype(), plan.y_shape());
    Tensor memory(u8, {static_cast<std::int64_t>(plan.workspace_bytes())});
    plan.run(x, y, {}, {memory.data(), memory.bytes()});
    EXPECT_TRUE(same(y, want));
  };
  using namespace signal;
  const Execution strict{.allocator = none()};
  UpfirdnOptions wrap{.up = 3, .down = 2, .mode = Extension::wrap};
  const Tensor extended = upfirdn(h, x, wrap);
  wrap.run = strict;
  EXPECT_THROW((void)upfirdn(h, x, wrap), DeviceError);
  expect(plan_upfirdn(h, x, wrap), extended);
  ResamplePolyOptions mean{.axis = 1, .padtype = PadType::mean};
  const Tensor resampled = resample_poly(x, 3, 2, mean);
  mean.run = strict;
  const FilterPlan plan = plan_resample_poly(x, 3, 2, mean);
  expect(plan, resampled);
  EXPECT_EQ(std::ranges::count(plan.explain(), '\n'), 5) << plan.explain();
}

// The copy of the taps keeps what made the problem.
TEST(PlannedRates, KeepACopyOfTheFilterOfAnyStrides) {
  using namespace signal;
  const Tensor x = ramp(f32, {30});
  for (const std::int64_t step : {3, -1, -2}) {
    Tensor memory = ramp(f32, {20});
    const TensorView h = memory.slice(0, {.step = step});
    const Tensor want = upfirdn(h, x, {.up = 2});
    const FilterPlan plan = plan_upfirdn(h, x, {.up = 2});
    for (float& tap : memory.values<float>()) tap = 0;
    Tensor y = Tensor::zeros(f32, plan.y_shape());
    plan.run(x, y);
    EXPECT_TRUE(same(y, want)) << step;
  }
}

TEST(PlannedRates, SumNothingOfEmptySignals) {
  using namespace signal;
  const Tensor x = Tensor::zeros(f32, {0, 3}), h = ramp(f32, {5});
  const FilterPlan plan = plan_upfirdn(h, x, {.axis = 0});
  ASSERT_EQ(plan.y_shape(), upfirdn(h, x, {.axis = 0}).shape());
  Tensor y = ramp(f32, plan.y_shape());
  plan.run(x, y);
  for (const float value : y.values<float>()) EXPECT_EQ(value, 0);
}

}  // namespace
}  // namespace faltung
