#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <cstring>
#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <random>
#include <thread>
#include <vector>

#include "cpp/core/stream.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

const Stream cpu_stream{};

class PlanTest : public ::testing::Test {
 protected:
  const Problem problem = Problem::parse("op=fwd dtype=f32 in=4 f=3 pad=1");
  Tensor x = Tensor::from<float>({1, 2, 3, 4}, {1, 1, 4});
  Tensor w = Tensor::from<float>({1, 10, 100}, {1, 1, 3});
  Tensor y = Tensor::zeros(f32, {1, 1, 4});
  const std::vector<float> expected = {210, 321, 432, 43};

  // Small integers are exact but for the engines that err by the norm; ||x|| ||w|| < 551 here, and
  // the extended x is x.
  void expect_formula(const Plan& plan) {
    const double allowed = plan.error_bound().kind == ErrorBound::Kind::normwise
                               ? 551 * plan.error_bound().constant
                               : 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(y.values<float>()[i], expected[i], allowed + unit_roundoff(f32) * expected[i])
          << plan.engine();
    }
  }
};

TEST_F(PlanTest, EveryEngineComputesTheFormula) {
  for (const Candidate& candidate : candidates(problem)) {
    if (!candidate.supported) continue;
    const Plan plan = Plan::make(problem, Device::cpu(), {.engine = candidate.engine});
    EXPECT_EQ(plan.engine(), candidate.engine);
    plan.run(cpu_stream, x, w, y);
    expect_formula(plan);
  }
}

TEST_F(PlanTest, BoundFilterOutlivesItsSource) {
  for (const Candidate& candidate : candidates(problem)) {
    if (!candidate.supported) continue;
    Plan plan = Plan::make(problem, Device::cpu(), {.engine = candidate.engine});
    EXPECT_REFUSED(plan.run_bound(cpu_stream, x, y), "bind_filter");
    {
      const Tensor temporary = w.clone();
      plan.bind_filter(cpu_stream, temporary);
    }
    plan.run_bound(cpu_stream, x, y);
    expect_formula(plan);
  }
}

// Between the elements of w may lie what is not ours to read, and rows may run backwards.
TEST_F(PlanTest, BoundFilterKeepsItsStrides) {
  Problem strided = problem;
  strided.w_strides = {6, 6, -2};
  Tensor gaps = Tensor::from<float>({100, -1, 10, -1, 1, -1}, {6});
  const ConstTensorView view{
      static_cast<float*>(gaps.data()) + 4, f32, {1, 1, 3}, {6, 6, -2}, Device::cpu()};
  Plan plan = Plan::make(strided);
  plan.bind_filter(cpu_stream, view);
  gaps = Tensor();
  plan.run_bound(cpu_stream, x, y);
  EXPECT_TRUE(std::ranges::equal(y.values<float>(), expected));
}

TEST_F(PlanTest, TheStreamMayBeLeftOut) {
  Plan plan = Plan::make(problem, Device::cpu(), {.engine = "reference"});
  plan.run(x, w, y);
  expect_formula(plan);
  y = Tensor::zeros(f32, {1, 1, 4});
  plan.bind_filter(w);
  plan.run_bound(x, y);
  expect_formula(plan);
  EXPECT_EQ(stream_on(Device::cuda(2), {}).device, Device::cuda(2));
  EXPECT_EQ(stream_on(Device::cpu(), {}).device, Device::cpu());
  EXPECT_EQ(stream_on(Device::cuda(2), {Device::cuda(1)}).device, Device::cuda(1));
  int there = 0;
  EXPECT_EQ(stream_on(Device::cuda(2), {Device::cpu(), &there}).handle, &there);
}

TEST_F(PlanTest, RefusesViewsThatAreNotTheProblems) {
  const Plan plan = Plan::make(problem);
  const Tensor wrong_type = Tensor::zeros(f64, {1, 1, 4});
  const Tensor wrong_shape = Tensor::zeros(f32, {1, 1, 5});
  EXPECT_REFUSED(plan.run(cpu_stream, wrong_type, w, y), "x has type f64, the problem says f32");
  EXPECT_REFUSED(plan.run(cpu_stream, wrong_shape, w, y), "x has shape 1x1x5");
  EXPECT_REFUSED(plan.run(cpu_stream, x, x, y), "w has shape 1x1x4, the problem says 1x1x3");
  EXPECT_REFUSED(plan.run(cpu_stream, x, w, x), "y overlaps x");
  EXPECT_REFUSED(plan.run({Device::cuda(0)}, x, w, y), "stream is on cuda:0");

  ConstTensorView view = x.view();
  view.strides = {4, 4, 2};
  EXPECT_REFUSED(plan.run(cpu_stream, view, w, y), "x has strides 4x4x2");
  view.strides = {4, 1};
  EXPECT_REFUSED(plan.run(cpu_stream, view, w, y), "one stride per axis");
  view = x.view();
  view.data = nullptr;
  EXPECT_REFUSED(plan.run(cpu_stream, view, w, y), "null pointer");
  view.data = static_cast<const std::byte*>(x.data()) + 1;
  EXPECT_REFUSED(plan.run(cpu_stream, view, w, y), "misaligned");
  view = x.view();
  view.device = Device::cuda(0);
  EXPECT_REFUSED(plan.run(cpu_stream, view, w, y), "x is on cuda:0");
}

TEST_F(PlanTest, OptionsAreChecked) {
  EXPECT_REFUSED((void)Plan::make(problem, Device::cpu(), {.engine = "cpu.magic"}), "cpu.magic");
  const Plan plan = Plan::make(problem, Device::cpu(), {.engine = "reference"});
  EXPECT_EQ(plan.engine(), "cpu.reference");
  EXPECT_NE(plan.explain().find("cpu.reference"), std::string::npos);
  try {
    (void)Plan::make(problem, Device::cuda(7), {.engine = "cpu.reference"});
    FAIL() << "the CPU engine ran on cuda:7";
  } catch (const NoEngine& error) {
    EXPECT_NE(std::string(error.what()).find("op=fwd"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("cpu.reference: runs on the CPU only"),
              std::string::npos);
  }
}

// The definition is there to check with, however small the problem.
TEST(PlanChoice, SmallCallsDoNotGoToTheReference) {
  for (const char* line :
       {"op=signal dtype=f32 in=8 f=3", "op=signal dtype=i32 in=8 f=3",
        "op=signal dtype=c64 in=1 f=1", "op=filter dtype=f32 in=4x4 f=3x3",
        "op=filter dtype=u8 in=1x1 f=1x1", "op=fwd dtype=f32 n=1 c=4 in=4x4 k=4 f=3x3 pad=1",
        "op=dgrad dtype=f64 n=1 c=1 in=4 k=1 f=3", "op=wgrad dtype=f32 n=1 c=1 in=4 k=1 f=3"}) {
    EXPECT_NE(Plan::make(Problem::parse(line)).engine(), "cpu.reference") << line;
  }
}

// The last batch of a data set: the same bits as those images have in the full one, where the
// engine's bound says that they may be compared bit by bit, which it does for integers.
TEST(PlanBatch, OtherBatchesNeedNoNewChoice) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> value(-9, 9);
  for (const char* line :
       {"op=fwd dtype=i32 n=7 c=3 in=9x8 k=4 f=3x2 pad=1", "op=fwd dtype=i16 n=7 c=2 in=40 k=2 f=9",
        "op=dgrad dtype=i32 n=7 c=3 in=9x8 k=4 f=3x2 pad=1",
        "op=fwd dtype=i32 n=7 c=4 in=6x5 k=4 f=3x3 g=4 layout=nhwc"}) {
    const Problem problem = Problem::parse(line);
    const bool forward = problem.pass == Pass::forward;
    const auto fill = [&](DType type, const Shape& shape) {
      Tensor result = Tensor::zeros(i32, shape);
      for (int& v : result.values<int>()) v = value(random);
      return compact_copy(result, type);
    };
    const Tensor x = fill(problem.input, forward ? problem.x_shape() : problem.y_shape());
    const Tensor w = fill(problem.filter, problem.w_shape());
    for (const Candidate& candidate : candidates(problem)) {
      if (!candidate.supported) continue;
      const PlanOptions options{.engine = candidate.engine};
      const Plan whole = Plan::make(problem, Device::cpu(), options);
      Tensor all(problem.result_dtype(), problem.result_shape());
      whole.run(x, w, all);
      for (const std::int64_t n : {0, 1, 3, 6, 7}) {
        const Plan part = whole.with_batch(n);
        EXPECT_EQ(part.problem().batch, n);
        if (n > 0) {
          EXPECT_EQ(part.engine(), whole.engine());
        }
        Tensor some = Tensor::zeros(all.dtype(), part.problem().result_shape());
        part.run(x.slice(0, {.stop = n}), w, some);
        const Tensor expected = compact_copy(all.slice(0, {.stop = n}), all.dtype());
        EXPECT_TRUE(n == 0 || std::memcmp(some.data(), expected.data(), some.bytes()) == 0)
            << line << ' ' << candidate.engine << ' ' << n;
      }
      EXPECT_EQ(whole.with_batch(0).with_batch(2).problem().batch, 2);
      EXPECT_REFUSED((void)whole.with_batch(-1), "-1");
    }
  }
}

TEST(PlanBatch, KeepsTheOptions) {
  const Problem problem = Problem::parse("op=dgrad dtype=f32 n=3 in=4 f=3 pad=1");
  int allocations = 0;
  Allocator hook = Allocator::standard(Device::cpu());
  hook.context = &allocations;
  hook.allocate = [](void* count, std::size_t bytes, std::size_t alignment, const Stream& stream) {
    ++*static_cast<int*>(count);
    const Allocator standard = Allocator::standard(Device::cpu());
    return standard.allocate(standard.context, bytes, alignment, stream);
  };
  const PlanOptions options{.engine = "cpu.reference", .allocator = hook};
  const Plan plan = Plan::make(problem, Device::cpu(), options).with_batch(0).with_batch(2);
  EXPECT_EQ(plan.engine(), "cpu.reference");
  const Tensor dy = Tensor::zeros(f32, {2, 1, 4}), w = Tensor::zeros(f32, {1, 1, 3});
  Tensor dx(f32, {2, 1, 4});
  plan.run(dy, w, dx);
  EXPECT_EQ(allocations, 1);
}

TEST(PlanWorkspace, ComesFromTheCallerOrTheHook) {
  const Problem problem = Problem::parse("op=dgrad dtype=f32 in=4 f=3 pad=1");
  struct Counts {
    std::atomic<int> allocated = 0;
    std::atomic<int> freed = 0;
  } counts;
  Allocator hook{.context = &counts};
  hook.allocate = [](void* context, std::size_t bytes, std::size_t alignment, const Stream&) {
    ++static_cast<Counts*>(context)->allocated;
    return ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
  };
  hook.deallocate = [](void* context, void* data, std::size_t, std::size_t alignment,
                       const Stream&) {
    ++static_cast<Counts*>(context)->freed;
    ::operator delete (data, std::align_val_t{alignment});
  };
  const Plan plan =
      Plan::make(problem, Device::cpu(), {.engine = "cpu.reference", .allocator = hook});
  const Tensor dy = Tensor::from<float>({1, 2, 3, 4}, {1, 1, 4});
  const Tensor w = Tensor::from<float>({1, 10, 100}, {1, 1, 3});
  Tensor dx = Tensor::zeros(f32, {1, 1, 4});
  ASSERT_GT(plan.workspace_bytes(), 0u);

  plan.run(cpu_stream, dy, w, dx);
  EXPECT_EQ(counts.allocated, 1);
  EXPECT_EQ(counts.freed, 1);

  Tensor scratch(u8, {static_cast<std::int64_t>(plan.workspace_bytes())});
  plan.run(cpu_stream, dy, w, dx, {scratch.data(), scratch.bytes()});
  EXPECT_EQ(counts.allocated, 1) << "a lent workspace is used";
  const std::vector<float> expected = {12, 123, 234, 340};
  EXPECT_TRUE(std::ranges::equal(dx.values<float>(), expected));

  EXPECT_REFUSED(plan.run(cpu_stream, dy, w, dx, {scratch.data(), 1}), "workspace has 1 bytes");
  EXPECT_REFUSED(plan.run(cpu_stream, dy, w, dx, {dx.data(), plan.workspace_bytes()}),
                 "the workspace overlaps dx");
}

TEST(PlanWorkspace, MayNotOverlapTheBias) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 in=4 f=3 bias=1");
  const Plan plan = Plan::make(problem, Device::cpu(), {.engine = "cpu.reference"});
  const Tensor x = Tensor::zeros(f32, {1, 1, 4});
  const Tensor w = Tensor::zeros(f32, {1, 1, 3});
  Tensor y = Tensor::zeros(f32, {1, 1, 2});
  Tensor bias = Tensor::zeros(problem.bias_dtype(), {1});
  EXPECT_REFUSED(plan.run(cpu_stream, x, w, y, {bias.data(), bias.bytes()}, bias),
                 "the workspace overlaps bias");
}

TEST(PlanWorkspace, RunsOutWithADeviceErrorThatNamesTheBytes) {
  const Problem problem = Problem::parse("op=dgrad dtype=f32 in=4 f=3 pad=1");
  Allocator none = Allocator::standard(Device::cpu());
  none.allocate = [](void*, std::size_t, std::size_t, const Stream&) -> void* { return nullptr; };
  const Plan plan =
      Plan::make(problem, Device::cpu(), {.engine = "cpu.reference", .allocator = none});
  const Tensor dy = Tensor::zeros(f32, {1, 1, 4});
  const Tensor w = Tensor::zeros(f32, {1, 1, 3});
  Tensor dx = Tensor::zeros(f32, {1, 1, 4});
  EXPECT_THROW(plan.run(cpu_stream, dy, w, dx), DeviceError);
}

TEST(PlanWorkspace, LimitPassesEnginesOver) {
  const Problem problem = Problem::parse("op=dgrad dtype=f32 in=4 f=3 pad=1");
  const PlanOptions options{.engine = "cpu.reference", .workspace_limit = 3};
  for (const Candidate& candidate : candidates(problem, Device::cpu(), options)) {
    EXPECT_FALSE(candidate.supported);
    if (candidate.engine != "cpu.reference") continue;
    EXPECT_NE(candidate.reason.find("the limit is 3"), std::string::npos) << candidate.reason;
  }
  EXPECT_THROW((void)Plan::make(problem, Device::cpu(), options), NoEngine);
}

TEST(PlanThreads, SharedPlanGivesTheSameBits) {
  const Problem problem = Problem::parse("op=dgrad dtype=f32 n=2 c=3 in=9x9 k=4 f=3x3 pad=1");
  const Plan plan = Plan::make(problem);
  std::vector<float> dy_values(static_cast<std::size_t>(element_count(problem.y_shape())));
  std::vector<float> w_values(static_cast<std::size_t>(element_count(problem.w_shape())));
  for (std::size_t i = 0; i < dy_values.size(); ++i) dy_values[i] = 0.1f * static_cast<float>(i);
  for (std::size_t i = 0; i < w_values.size(); ++i) w_values[i] = 1 / (1 + static_cast<float>(i));
  const auto dy = view(std::as_const(dy_values).data(), problem.y_shape());
  const auto w = view(std::as_const(w_values).data(), problem.w_shape());
  std::vector<Tensor> results;
  for (int i = 0; i < 8; ++i) results.emplace_back(f32, problem.x_shape());
  {
    std::vector<std::jthread> threads;
    for (Tensor& result : results) {
      threads.emplace_back([&] {
        for (int repeat = 0; repeat < 5; ++repeat) plan.run(cpu_stream, dy, w, result);
      });
    }
  }
  for (const Tensor& result : results) {
    EXPECT_EQ(std::memcmp(result.data(), results.front().data(), result.bytes()), 0);
  }
}

// A terabyte of samples and a filter of a billion taps: their tables are not filled for a plan.
TEST(Plan, TouchesNoMemoryByTheSizeOfTheProblem) {
  const Problem problem = Problem::parse("op=signal dtype=f32 in=1000000000000 f=1000000000");
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  const Plan plan = Plan::make(problem);
  getrusage(RUSAGE_SELF, &after);
  EXPECT_FALSE(plan.engine().empty());
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 256 * 1024) << "kilobytes";
}

}  // namespace
}  // namespace faltung
