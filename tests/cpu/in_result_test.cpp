// Results computed part by part, with what is not yet written as workspace: right whatever the
// parts, and without another byte of memory.

#include <gtest/gtest.h>

#include <algorithm>
#include <complex>
#include <cstring>
#include <memory>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/direct_engine.hpp"
#include "cpp/cpu/in_result/in_result_task.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/random_problem.hpp"

namespace faltung::test {
namespace {

// Another task that leaves nothing of so many bytes of workspace as they were.
class Scribbling final : public Task {
 public:
  Scribbling(std::unique_ptr<Task> task, std::size_t bytes)
      : task_(std::move(task)), bytes_(bytes) {}
  std::size_t workspace_bytes() const override { return bytes_; }
  ErrorBound error_bound() const override { return task_->error_bound(); }
  void run(const RunArguments& arguments) const override {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arguments.workspace) % memory_alignment, 0U);
    std::memset(arguments.workspace, 0xff, bytes_);
    task_->run(arguments);
    std::memset(arguments.workspace, 0xff, bytes_);
  }

 private:
  std::unique_ptr<Task> task_;
  std::size_t bytes_;
};

// Parts of at most so many results and taps, by tasks that need no memory, with all that they are
// given or a little of it.
struct Sizes {
  std::int64_t results, taps;
  std::size_t stack;
  bool takes_all;
};

class PartsEngine final : public Engine {
 public:
  explicit PartsEngine(const Sizes& sizes) : sizes_(sizes) {}
  std::string_view name() const override { return "parts"; }
  DeviceKind device_kind() const override { return DeviceKind::cpu; }
  std::vector<WayText> ways() const override { return {}; }

 private:
  static std::unique_ptr<Task> task(const Problem& p) {
    p.validate();
    return direct_engine().offer(p, Device::cpu(), "pieces").prepare();
  }
  Offer answer(const Problem& problem, const Device&, std::string_view) const override {
    Offer offer;
    offer.prepare = [p = problem, s = sizes_]() -> std::unique_ptr<Task> {
      const auto within = [s](const Problem& part, std::size_t bytes) -> InResultTask::Made {
        const std::size_t needed = s.takes_all ? bytes : memory_alignment;
        const std::int64_t results = element_count(part.result_shape());
        if (bytes < needed || bytes == 0 || results > s.results) return {};
        if (part.pass == Pass::forward && element_count(part.w_shape()) > s.taps) return {};
        return {std::make_unique<Scribbling>(task(part), needed), static_cast<double>(results)};
      };
      const InResultTask::Without without{.us = [](const Problem&) { return 1e9; }, .make = task};
      return std::make_unique<InResultTask>(p, within, without, s.stack);
    };
    return offer;
  }
  Sizes sizes_;
};

bool is_empty(const Problem& p) {
  return element_count(p.x_shape()) == 0 || element_count(p.w_shape()) == 0 ||
         element_count(p.y_shape()) == 0;
}

// Sums of such constants may leave the range of the type.
bool has_huge_constant(const Problem& p) {
  return std::ranges::any_of(p.axes, [](const Axis& axis) {
    return std::abs(axis.below.value) > 1e9 || std::abs(axis.above.value) > 1e9;
  });
}

// With a result that can be cut, and several slices of it.
Problem larger(const Problem& drawn) {
  Problem p = drawn;
  p.batch *= 3;
  p.axes[0].input += 12;
  p.axes[0].filter += 2;
  p.epilogue.beta = 0;
  p.w_strides = {};  // more taps would share memory
  (p.pass == Pass::backward_data ? p.x_strides : p.y_strides) = {};
  try {
    p.validate();
  } catch (const InvalidProblem&) {  // sums of so many integers do not fit
    return drawn;
  }
  return p;
}

TEST(InResult, PartsOfAnySizeAreRight) {
  constexpr Sizes sizes[] = {{1000, 1000, 0, true},  {40, 1000, 0, false}, {10, 1000, 300, true},
                             {1000, 2, 4096, false}, {7, 3, 512, true},    {1, 1, 4096, false}};
  RandomProblems draw(test_seed());
  int parts = 0;
  for (int i = 0; i < 12000; ++i) {
    const Problem p = larger(draw());
    if (is_empty(p) || has_huge_constant(p) || p.multiply_adds() > 1e5 || !InResultTask::serves(p))
      continue;
    SCOPED_TRACE(p);
    const PartsEngine engine(sizes[i % std::size(sizes)]);
    const auto task = engine.offer(p, Device::cpu()).prepare();
    EXPECT_EQ(task->workspace_bytes(), 0U);
    if (!task->policy().starts_with("in 1 parts and 1 steps")) ++parts;
    const Operands operands = filled_operands(p, Fill::reals, test_seed() + i);
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    const Array result = run_guarded(cpu_device(), engine, p, operands);
    ASSERT_LE(error_ratio(p, operands, expected, result, task->error_bound()), 1) << task->policy();
  }
  EXPECT_GT(parts, 250);
}

// Long filters keep their transforms without a workspace, of any type and pass.
constexpr const char* long_filters[] = {
    "op=fwd dtype=f32 in=20000 f=1500",
    "op=fwd dtype=f32 in=9000 f=4000 pad=2000 flip=1",
    "op=fwd dtype=f64 in=20000 f=900 pad=899:0 boundary=mirror",
    "op=fwd dtype=c64 n=2 in=6000 f=700",
    "op=fwd dtype=i16:i16:i64 in=9000 f=1000",
    "op=fwd dtype=f32 in=120x130 f=31x33 pad=15:16 boundary=reflect",
    "op=fwd dtype=f32 n=3 c=4 in=3000 k=8 f=200 g=4 layout=nhwc",
    "op=fwd dtype=bf16 c=2 in=3000 k=2 f=900 pad=899:0",
    "op=dgrad dtype=f32 in=20000 f=1500",
    "op=dgrad dtype=c64 in=6000 f=700",
    "op=dgrad dtype=f64 in=100x90 f=43x45 pad=21:22",
    "op=wgrad dtype=f32 in=20000 f=1500",
    "op=wgrad dtype=c64 in=6000 f=700 flip=1",
};

TEST(InResult, LongFiltersAreTransformedWithoutAWorkspace) {
  for (const char* line : long_filters) {
    const Problem p = Problem::parse(line);
    SCOPED_TRACE(p);
    const Operands operands = filled_operands(p, Fill::reals, test_seed());
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    const Engine& engine = **std::ranges::find(engine_list(), "cpu.fft", &Engine::name);
    const auto run = [&](int threads, bool bind_filter) {
      set_threads(threads);
      return run_guarded(cpu_device(), engine, p, operands,
                         {.bind_filter = bind_filter, .way = "in_result"});
    };
    const auto task = engine.offer(p, Device::cpu(), "in_result").prepare();
    EXPECT_EQ(task->workspace_bytes(), 0U);
    EXPECT_EQ(task->policy().find("pieces"), std::string::npos) << task->policy();
    const Array one = run(1, false);
    EXPECT_LE(error_ratio(p, operands, expected, one, task->error_bound()), 1) << task->policy();
    EXPECT_TRUE(same_elements(one, run(3, p.pass != Pass::backward_filter))) << task->policy();
  }
  set_threads(0);
}

// By the times of its parts, on which the cut stands: no more than four times the best with a
// workspace.
TEST(InResult, IsNotMuchSlowerThanWithAWorkspace) {
  set_threads(1);
  for (const char* line :
       {"op=fwd dtype=f32 in=1048576 f=1023 pad=511",
        "op=fwd dtype=f32 in=1048576 f=16383 pad=8191",
        "op=fwd dtype=f64 in=262144 f=8191 pad=8190",
        "op=fwd dtype=f32 in=1024x1024 f=31x31 pad=15 boundary=reflect",
        "op=fwd dtype=i16:i16:i64 in=65536 f=2000", "op=dgrad dtype=f32 in=65536 f=2000",
        "op=wgrad dtype=f32 in=65536 f=2000",
        "op=fwd dtype=f32 c=144 in=56x56 k=144 f=3x3 pad=1 g=144 layout=nhwc"}) {
    const Problem p = Problem::parse(line);
    SCOPED_TRACE(p);
    const Plan wish = Plan::make(p), none = Plan::make(p, {}, {.workspace_limit = 0});
    EXPECT_EQ(none.way(), "in_result");
    EXPECT_EQ(none.workspace_bytes(), 0U);
    const auto engine = std::ranges::find(engine_list(), none.engine(), &Engine::name);
    const auto task = (*engine)->offer(p, Device::cpu(), "in_result").prepare();
    const auto* parts = dynamic_cast<const InResultTask*>(task.get());
    ASSERT_NE(parts, nullptr);
    EXPECT_LE(parts->microseconds(), 4 * wish.estimate_us()) << none.policy();
  }
  set_threads(0);
}

}  // namespace
}  // namespace faltung::test
