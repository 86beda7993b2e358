#include <gtest/gtest.h>

#include <faltung/faltung.h>
#include <atomic>
#include <cstdlib>
#include <faltung/machine.hpp>
#include <faltung/plan.hpp>
#include <faltung/version.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/operands.hpp"
#include "tests/support/problem_file.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

ConstTensorView view_of(const test::Array& array) {
  return {array.bytes().data() + array.origin(), array.dtype(), array.shape(), array.strides(),
          Device::cpu()};
}

// Of `array`, which outlives it.
faltung_view c_view(const test::Array& array) {
  const ConstTensorView view = view_of(array);
  return {.data = const_cast<void*>(view.data),
          .dtype = static_cast<faltung_dtype>(view.dtype),
          .rank = static_cast<std::int32_t>(view.shape.size()),
          .shape = array.shape().begin(),
          .strides = array.strides().begin(),
          .device = {static_cast<std::int32_t>(view.device.kind), view.device.index}};
}

struct Handle {
  explicit Handle(const char* problem, const faltung_options* options = nullptr) {
    EXPECT_EQ(faltung_plan_create(problem, "cpu", options, &plan), FALTUNG_OK)
        << problem << ": " << faltung_last_error();
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { EXPECT_EQ(faltung_plan_destroy(plan), FALTUNG_OK) << faltung_last_error(); }
  faltung_plan* plan = nullptr;
};

void run_as_cpp(const std::string& line) {
  SCOPED_TRACE(line);
  const Problem problem = Problem::parse(line);
  const Handle handle(line.c_str());
  const test::Operands operands =
      test::filled_operands(problem, test::Fill::small_integers, test::test_seed());
  test::Array by_c = operands.before;
  test::Array by_cpp = operands.before;
  const faltung_view first = c_view(operands.first);
  const faltung_view second = c_view(operands.second);
  const faltung_view bias = c_view(operands.bias);
  const faltung_view result = c_view(by_c);
  faltung_run_options options = FALTUNG_RUN_OPTIONS_INIT;
  if (problem.epilogue.bias) options.bias = &bias;
  ASSERT_EQ(faltung_plan_run(handle.plan, &first, &second, &result, &options), FALTUNG_OK)
      << faltung_last_error();

  const Plan plan = Plan::make(problem);
  plan.run(view_of(operands.first), view_of(operands.second),
           {by_cpp.bytes().data() + by_cpp.origin(), by_cpp.dtype(), by_cpp.shape(),
            by_cpp.strides(), Device::cpu()},
           {}, problem.epilogue.bias ? view_of(operands.bias) : ConstTensorView{});
  EXPECT_TRUE(same_elements(by_c, by_cpp));

  faltung_facts facts{};
  facts.size = sizeof facts;
  ASSERT_EQ(faltung_plan_facts(handle.plan, &facts), FALTUNG_OK);
  EXPECT_EQ(facts.problem, to_string(problem));
  EXPECT_EQ(facts.engine, plan.engine());
  EXPECT_EQ(facts.bound_constant, plan.error_bound().constant);
  EXPECT_EQ(facts.workspace_bytes, plan.workspace_bytes());
}

TEST(CInterface, RunsEveryProblemAsCppDoes) {
  for (const char* file : {"smoke", "basic", "empty", "regression"}) {
    for (const std::string& line :
         test::problem_lines("tests/problems/" + std::string(file) + ".txt")) {
      run_as_cpp(line);
    }
  }
}

TEST(CInterface, TextsAreThoseOfCpp) {
  const char* line = "op=fwd dtype=f32 n=2 c=3 in=9x9 k=4 f=3x3 pad=1";
  const auto text_of = [](auto&& call) {
    std::size_t bytes = 0;
    EXPECT_EQ(call(nullptr, 0, &bytes), FALTUNG_OK) << faltung_last_error();
    std::string text(bytes - 1, '?');
    EXPECT_EQ(call(text.data(), bytes, nullptr), FALTUNG_OK);
    return text;
  };
  const Problem problem = Problem::parse(line);
  const Handle handle(line);
  EXPECT_EQ(text_of([&](char* text, std::size_t capacity, std::size_t* bytes) {
              return faltung_plan_explain(handle.plan, text, capacity, bytes);
            }),
            Plan::make(problem).explain());
  for (const char* place : {"cpu", "h100", "avx2_laptop"}) {
    if (!build_features().cuda && std::string_view(place) == "h100") continue;
    EXPECT_EQ(text_of([&](char* text, std::size_t capacity, std::size_t* bytes) {
                return faltung_explain(line, place, nullptr, text, capacity, bytes);
              }),
              std::string_view(place) == "cpu" ? Plan::make(problem).explain()
                                               : explain_for(problem, place));
  }
  const std::string devices = text_of([](char* text, std::size_t capacity, std::size_t* bytes) {
    return faltung_devices(text, capacity, bytes);
  });
  EXPECT_TRUE(devices.starts_with("cpu: ")) << devices;
}

TEST(CInterface, TextsAreCutToTheirMemory) {
  char text[5] = "????";
  std::size_t bytes = 0;
  EXPECT_EQ(faltung_canonical("op=fwd dtype=f32 in=9 f=3", text, 4, &bytes), FALTUNG_OK);
  EXPECT_EQ(std::string(text, 5), std::string("op=\0\0", 5));
  EXPECT_EQ(bytes, to_string(Problem::parse("op=fwd dtype=f32 in=9 f=3")).size() + 1);
}

// A plan of another batch is one of its own, which outlives the first.
TEST(CInterface, PlansForAnotherBatchKeepTheEngineAndTheAllocator) {
  struct Counts {
    std::atomic<int> taken = 0;
    std::atomic<int> given = 0;
  } counts;
  faltung_options options = FALTUNG_OPTIONS_INIT;
  options.engine = "cpu.fft";
  options.allocator_context = &counts;
  options.allocate = [](void* context, size_t bytes, size_t alignment, void*) {
    ++static_cast<Counts*>(context)->taken;
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  };
  options.deallocate = [](void* context, void* data, size_t, size_t, void*) {
    ++static_cast<Counts*>(context)->given;
    std::free(data);
  };
  faltung_plan* last = nullptr;
  {
    const Handle plan("op=fwd dtype=f32 n=4 in=1000 f=100", &options);
    ASSERT_EQ(faltung_plan_with_batch(plan.plan, 3, &last), FALTUNG_OK) << faltung_last_error();
  }
  const Problem problem = Problem::parse("op=fwd dtype=f32 n=3 in=1000 f=100");
  const test::Operands operands =
      test::filled_operands(problem, test::Fill::small_integers, test::test_seed());
  const faltung_view first = c_view(operands.first);
  const faltung_view second = c_view(operands.second);
  const test::Array memory = operands.before;
  const faltung_view result = c_view(memory);
  ASSERT_EQ(faltung_plan_run(last, &first, &second, &result, nullptr), FALTUNG_OK)
      << faltung_last_error();
  faltung_facts facts{};
  facts.size = sizeof facts;
  ASSERT_EQ(faltung_plan_facts(last, &facts), FALTUNG_OK);
  EXPECT_STREQ(facts.engine, "cpu.fft");
  EXPECT_EQ(counts.taken, facts.workspace_bytes == 0 ? 0 : 1);
  EXPECT_EQ(counts.given, counts.taken);
  EXPECT_GT(counts.taken, 0);
  EXPECT_EQ(faltung_plan_destroy(last), FALTUNG_OK);
}

// One plan, many threads; each has a text of its own for what went wrong in it.
TEST(CInterface, ThreadsShareAPlanAndNoErrors) {
  const Handle plan("op=fwd dtype=f64 in=100 f=9");
  const Problem problem = Problem::parse("op=fwd dtype=f64 in=100 f=9");
  const test::Operands operands =
      test::filled_operands(problem, test::Fill::small_integers, test::test_seed());
  const faltung_view first = c_view(operands.first);
  const faltung_view second = c_view(operands.second);
  const test::Array expected = operands.before;
  const faltung_view one = c_view(expected);
  ASSERT_EQ(faltung_plan_run(plan.plan, &first, &second, &one, nullptr), FALTUNG_OK);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::string bad = "op=fwd dtype=f32 in=9 f=3 stride=-" + std::to_string(t + 1);
      for (int i = 0; i < 50; ++i) {
        faltung_plan* none = nullptr;
        wrong += faltung_plan_create(bad.c_str(), "cpu", nullptr, &none) != FALTUNG_INVALID;
        const test::Array result = operands.before;
        const faltung_view view = c_view(result);
        wrong += faltung_plan_run(plan.plan, &first, &second, &view, nullptr) != FALTUNG_OK;
        wrong += !same_elements(result, expected);
        faltung_facts facts{};
        facts.size = sizeof facts;
        wrong += faltung_plan_facts(plan.plan, &facts) != FALTUNG_OK;
        wrong += std::string(faltung_last_error()).find("stride=-" + std::to_string(t + 1)) ==
                 std::string::npos;
        faltung_plan* own = nullptr;
        wrong += faltung_plan_create("op=fwd dtype=f32 in=9 f=3", "cpu", nullptr, &own) != 0;
        wrong += faltung_plan_destroy(own) != FALTUNG_OK;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(CInterface, ThreadsAreSetAndRead) {
  std::int32_t count = 0;
  EXPECT_EQ(faltung_set_threads(3), FALTUNG_OK);
  EXPECT_EQ(faltung_threads(&count), FALTUNG_OK);
  EXPECT_EQ(count, 3);
  EXPECT_EQ(faltung_set_threads(-1), FALTUNG_INVALID);
  EXPECT_NE(std::string(faltung_last_error()).find("threads is -1"), std::string::npos);
  EXPECT_EQ(faltung_set_threads(0), FALTUNG_OK);
}

}  // namespace
}  // namespace faltung
