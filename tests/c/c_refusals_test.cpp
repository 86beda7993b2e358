#include <gtest/gtest.h>

#include <faltung/faltung.h>
#include <cstring>
#include <faltung/problem.hpp>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/problem_file.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

const char* const line = "op=fwd dtype=f32 in=4 f=3 pad=1";

class CRefusals : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(faltung_plan_create(line, "cpu", nullptr, &plan), FALTUNG_OK);
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(faltung_plan_operand(plan, i, &views[i]), FALTUNG_OK);
      views[i].data = data[i];
    }
  }
  void TearDown() override { EXPECT_EQ(faltung_plan_destroy(plan), FALTUNG_OK); }

  faltung_status run(const faltung_run_options* options = nullptr) const {
    return faltung_plan_run(plan, &views[0], &views[1], &views[2], options);
  }

  faltung_plan* plan = nullptr;
  faltung_view views[3] = {};
  float data[3][4] = {{1, 2, 3, 4}, {1, 10, 100, 0}, {}};
};

// The status is FALTUNG_INVALID, and the text has these parts.
void expect_refused(faltung_status status, const std::vector<std::string>& parts) {
  EXPECT_EQ(status, FALTUNG_INVALID);
  const std::string text = faltung_last_error();
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << "expected: " << part << "\ntext: " << text;
  }
}

TEST(CBadProblem, EveryBadLineHasTheTextOfCpp) {
  std::ifstream file(test::source_path("tests/problems/bad.txt"));
  int lines = 0;
  for (std::string row; std::getline(file, row);) {
    const std::size_t arrow = row.find("  =>  ");
    if (arrow == std::string::npos) continue;
    const std::string bad = row.substr(0, arrow);
    ++lines;
    faltung_plan* none = nullptr;
    ASSERT_EQ(faltung_plan_create(bad.c_str(), "cpu", nullptr, &none), FALTUNG_INVALID) << bad;
    EXPECT_EQ(none, nullptr);
    EXPECT_EQ(faltung_last_error(), refusal_of([&] { (void)Problem::parse(bad); }));
    EXPECT_EQ(faltung_canonical(bad.c_str(), nullptr, 0, nullptr), FALTUNG_INVALID);
    EXPECT_EQ(faltung_last_error(), refusal_of([&] { (void)Problem::parse(bad); }));
  }
  EXPECT_GE(lines, 300);
}

TEST_F(CRefusals, OfNullPointers) {
  faltung_plan* made = nullptr;
  expect_refused(faltung_plan_create(nullptr, "cpu", nullptr, &made),
                 {"problem is a null pointer"});
  expect_refused(faltung_plan_create(line, "cpu", nullptr, nullptr), {"plan is a null pointer"});
  expect_refused(faltung_plan_run(nullptr, &views[0], &views[1], &views[2], nullptr),
                 {"plan is a null pointer", "faltung_plan_create"});
  expect_refused(faltung_plan_run(plan, nullptr, &views[1], &views[2], nullptr),
                 {"x is a null pointer", "faltung_view"});
  expect_refused(faltung_plan_run(plan, &views[0], nullptr, &views[2], nullptr),
                 {"w is a null pointer"});
  expect_refused(faltung_plan_run(plan, &views[0], &views[1], nullptr, nullptr),
                 {"y is a null pointer"});
  expect_refused(faltung_plan_bind_filter(plan, nullptr, nullptr), {"w is a null pointer"});
  expect_refused(faltung_plan_run_bound(plan, &views[0], nullptr, nullptr),
                 {"y is a null pointer"});
  expect_refused(faltung_plan_workspace_bytes(plan, nullptr), {"bytes is a null pointer"});
  expect_refused(faltung_plan_facts(plan, nullptr), {"facts is a null pointer"});
  expect_refused(faltung_plan_operand(plan, 0, nullptr), {"view is a null pointer"});
  expect_refused(faltung_plan_with_batch(plan, 1, nullptr), {"result is a null pointer"});
  expect_refused(faltung_threads(nullptr), {"count is a null pointer"});
  expect_refused(faltung_plan_explain(plan, nullptr, 9, nullptr),
                 {"text is a null pointer", "capacity is 9"});
  EXPECT_EQ(faltung_plan_destroy(nullptr), FALTUNG_OK);
  views[0].data = nullptr;
  expect_refused(run(), {"x has no data"});
}

TEST_F(CRefusals, OfViews) {
  const struct {
    std::function<void(faltung_view&)> spoil;
    std::vector<std::string> parts;
  } table[] = {
      {[](faltung_view& v) { v.dtype = 14; }, {"x has dtype 14", "FALTUNG_U64 (13)"}},
      {[](faltung_view& v) { v.dtype = -1; }, {"x has dtype -1", "names nothing"}},
      {[](faltung_view& v) { v.dtype = FALTUNG_F64; }, {"x has type f64", "f32"}},
      {[](faltung_view& v) { v.rank = 9; }, {"x has rank 9", "0 to 8"}},
      {[](faltung_view& v) { v.rank = -2147483647; }, {"x has rank -2147483647"}},
      {[](faltung_view& v) { v.rank = 2; }, {"x has shape 1x1", "1x1x4"}},
      {[](faltung_view& v) { v.shape = nullptr; }, {"x has rank 3", "null pointer"}},
      {[](faltung_view& v) { v.device.kind = 2; }, {"x has device.kind 2", "FALTUNG_CUDA (1)"}},
      {[](faltung_view& v) { v.device.index = 1; }, {"x has device.index 1", "use 0"}},
      {[](faltung_view& v) {
         v.device = {FALTUNG_CUDA, -1};
       },
       {"device.index -1", "from 0"}},
      {[](faltung_view& v) { v.device.kind = FALTUNG_CUDA; }, {"x is on cuda:0", "cpu"}},
      {[](faltung_view& v) { v.data = static_cast<char*>(v.data) + 1; }, {"x starts at", "4"}},
  };
  for (const auto& [spoil, parts] : table) {
    const faltung_view kept = views[0];
    spoil(views[0]);
    expect_refused(run(), parts);
    views[0] = kept;
  }
  const std::int64_t wide[] = {1, 1, std::int64_t{1} << 62};
  views[0].shape = wide;  // no stride is made of it that overflows
  views[0].strides = nullptr;
  expect_refused(run(), {"x has shape"});
  const std::int64_t strides[] = {4, 4, 2};
  views[0] = {data[0], FALTUNG_F32, 3, views[2].shape, strides, {FALTUNG_CPU, 0}};
  expect_refused(run(), {"x has strides 4x4x2", "4x4x1"});
  views[0].strides = nullptr;
  EXPECT_EQ(run(), FALTUNG_OK) << faltung_last_error();
  views[2].data = data[0];
  expect_refused(run(), {"y overlaps x"});
}

TEST_F(CRefusals, OfRuns) {
  faltung_run_options options = FALTUNG_RUN_OPTIONS_INIT;
  options.bias = &views[1];
  expect_refused(run(&options), {"a bias of shape", "bias=0"});
  options.bias = nullptr;
  options.stream = &options;
  expect_refused(run(&options), {"stream", "CPU"});
  options.stream = nullptr;
  options.workspace_bytes = 9;
  expect_refused(run(&options), {"workspace of 9 bytes", "null"});
  expect_refused(faltung_plan_run_bound(plan, &views[0], &views[2], nullptr),
                 {"no filter is bound"});
  faltung_view view;
  expect_refused(faltung_plan_operand(plan, 4, &view), {"operand is 4", "FALTUNG_BIAS (3)"});
  expect_refused(faltung_plan_operand(plan, -1, &view), {"operand is -1"});
  expect_refused(faltung_plan_operand(plan, FALTUNG_BIAS, &view), {"bias=0"});
  faltung_plan* other = nullptr;
  expect_refused(faltung_plan_with_batch(plan, -3, &other), {"-3"});
}

// Callers compiled with an older or a newer header than the library.
TEST_F(CRefusals, OfSizes) {
  faltung_plan* made = nullptr;
  const auto create = [&](const faltung_options& options) {
    const faltung_status status = faltung_plan_create(line, "cpu", &options, &made);
    EXPECT_EQ(faltung_plan_destroy(made), FALTUNG_OK);  // also where none was made
    return status;
  };
  faltung_options options = FALTUNG_OPTIONS_INIT;
  constexpr std::size_t first_size = 56;  // without accuracy and what follows
  options.reproducible = 7;               // which is not looked at then
  options.size = first_size;
  EXPECT_EQ(create(options), FALTUNG_OK) << faltung_last_error();
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, first_size - 1, SIZE_MAX}) {
    options.size = size;
    expect_refused(create(options),
                   {"options.size is " + std::to_string(size), "sizeof(faltung_options)"});
  }
  struct Newer {
    faltung_options known = FALTUNG_OPTIONS_INIT;
    std::int64_t unknown = 0;
  } newer;
  newer.known.size = sizeof newer;
  EXPECT_EQ(create(newer.known), FALTUNG_OK) << faltung_last_error();
  newer.unknown = 1;
  expect_refused(create(newer.known), {"options.size is 72", "beyond the 64 bytes"});

  faltung_run_options run_options = FALTUNG_RUN_OPTIONS_INIT;
  run_options.size = 4;
  expect_refused(run(&run_options), {"options.size is 4", "sizeof(faltung_run_options)"});

  struct NewerFacts {
    faltung_facts known;
    std::int64_t unknown = -1;
  } facts{};
  facts.known.size = 3;
  expect_refused(faltung_plan_facts(plan, &facts.known), {"facts.size is 3"});
  facts.known.size = sizeof facts;
  EXPECT_EQ(faltung_plan_facts(plan, &facts.known), FALTUNG_OK);
  EXPECT_EQ(facts.unknown, 0);
  EXPECT_EQ(facts.known.size, sizeof facts);
  EXPECT_STREQ(facts.known.device, "cpu");
}

TEST_F(CRefusals, OfOptions) {
  faltung_plan* made = nullptr;
  const auto refuse = [&](auto&& spoil, const std::vector<std::string>& parts) {
    faltung_options options = FALTUNG_OPTIONS_INIT;
    spoil(options);
    expect_refused(faltung_plan_create(line, "cpu", &options, &made), parts);
  };
  refuse([](faltung_options& o) { o.elementwise = 2; }, {"options.elementwise is 2", "0 or 1"});
  refuse([](faltung_options& o) { o.accuracy = 2; },
         {"options.accuracy is 2", "FALTUNG_ACCURACY_ELEMENTWISE"});
  refuse([](faltung_options& o) { o.reproducible = 3; }, {"options.reproducible is 3"});
  refuse([](faltung_options& o) { o.reproducible = o.flush_subnormals = 1; },
         {"flush_subnormals is set with reproducible"});
  refuse([](faltung_options& o) { o.flush_subnormals = -1; }, {"options.flush_subnormals is -1"});
  refuse([](faltung_options& o) { o.engine = "cpu.magic"; }, {"engine 'cpu.magic' is not known"});
  refuse([](faltung_options& o) { o.allocator_context = &o; }, {"options.allocator_context"});
  refuse(
      [](faltung_options& o) {
        o.allocate = [](void*, size_t, size_t, void*) -> void* { return nullptr; };
      },
      {"options.deallocate is a null pointer", "give both"});
  faltung_options limited = FALTUNG_OPTIONS_INIT;
  limited.workspace_limit = 0;
  expect_refused(faltung_explain(line, "avx2_laptop", &limited, nullptr, 0, nullptr),
                 {"options.workspace_limit", "avx2_laptop"});
  limited = FALTUNG_OPTIONS_INIT;
  limited.accuracy = FALTUNG_ACCURACY_ELEMENTWISE;
  expect_refused(faltung_explain(line, "avx2_laptop", &limited, nullptr, 0, nullptr),
                 {"options.accuracy", "avx2_laptop"});
  expect_refused(faltung_plan_create(line, "tpu", nullptr, &made), {"device 'tpu' is not known"});
  expect_refused(faltung_plan_create(line, "", nullptr, &made), {"device '' is not known"});
  EXPECT_EQ(faltung_plan_create(line, nullptr, nullptr, &made), FALTUNG_OK);
  EXPECT_EQ(faltung_plan_destroy(made), FALTUNG_OK);
}

TEST_F(CRefusals, HaveNumbersOfTheirOwn) {
  faltung_plan* made = nullptr;
  faltung_options options = FALTUNG_OPTIONS_INIT;
  options.engine = "cpu.fft";
  options.elementwise = 1;  // which no FFT is
  EXPECT_EQ(faltung_plan_create(line, "cpu", &options, &made), FALTUNG_NO_ENGINE);
  EXPECT_EQ(std::string(faltung_last_error()).find("no engine can run"), 0u)
      << faltung_last_error();
  options = FALTUNG_OPTIONS_INIT;
  options.engine = "cpu.fft";
  options.allocate = [](void*, size_t, size_t, void*) -> void* { return nullptr; };
  options.deallocate = [](void*, void*, size_t, size_t, void*) {};
  ASSERT_EQ(faltung_plan_create(line, "cpu", &options, &made), FALTUNG_OK);
  EXPECT_EQ(faltung_plan_run(made, &views[0], &views[1], &views[2], nullptr), FALTUNG_DEVICE_ERROR);
  EXPECT_NE(std::string(faltung_last_error()).find("no memory for a workspace"), std::string::npos);
  EXPECT_EQ(faltung_plan_destroy(made), FALTUNG_OK);
  EXPECT_STREQ(faltung_status_name(FALTUNG_DEVICE_ERROR), "FALTUNG_DEVICE_ERROR");
  EXPECT_STREQ(faltung_status_name(-7), "unknown status");
}

// For as long as its handle rests, which it does while a thousand others are freed.
TEST_F(CRefusals, OfFreedPlans) {
  faltung_plan* freed = nullptr;
  ASSERT_EQ(faltung_plan_create(line, "cpu", nullptr, &freed), FALTUNG_OK);
  ASSERT_EQ(faltung_plan_destroy(freed), FALTUNG_OK);
  for (int i = 0; i < 1000; ++i) {
    faltung_plan* other = nullptr;
    ASSERT_EQ(faltung_plan_create(line, "cpu", nullptr, &other), FALTUNG_OK);
    ASSERT_NE(other, freed);
    ASSERT_EQ(faltung_plan_destroy(other), FALTUNG_OK);
  }
  expect_refused(faltung_plan_destroy(freed), {"plan was freed"});
  expect_refused(faltung_plan_run(freed, &views[0], &views[1], &views[2], nullptr),
                 {"plan was freed", "create another"});
  expect_refused(faltung_plan_bind_filter(freed, &views[1], nullptr), {"plan was freed"});
  expect_refused(faltung_plan_explain(freed, nullptr, 0, nullptr), {"plan was freed"});
}

}  // namespace
}  // namespace faltung
