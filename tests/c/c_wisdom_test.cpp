#include <gtest/gtest.h>

#include <faltung/faltung.h>
#include <faltung/wisdom.hpp>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.hpp"

namespace faltung {
namespace {

constexpr const char* line = "op=fwd dtype=f32 in=500 f=9 pad=4";

class CWisdom : public ::testing::Test {
 protected:
  void SetUp() override { EXPECT_EQ(faltung_forget_wisdom(), FALTUNG_OK); }
  void TearDown() override { SetUp(); }
};

faltung_plan* measured(const faltung_measure_options* how) {
  faltung_plan* plan = nullptr;
  EXPECT_EQ(faltung_plan_create_measured(line, "cpu", nullptr, how, &plan), FALTUNG_OK)
      << faltung_last_error();
  return plan;
}

std::string exported() {
  std::size_t bytes = 0;
  EXPECT_EQ(faltung_export_wisdom(nullptr, 0, &bytes), FALTUNG_OK);
  std::vector<char> text(bytes);
  EXPECT_EQ(faltung_export_wisdom(text.data(), bytes, nullptr), FALTUNG_OK);
  return text.data();
}

TEST_F(CWisdom, PlansTakeWhatWasMeasured) {
  faltung_measure_options how = FALTUNG_MEASURE_OPTIONS_INIT;
  how.ways = 3;
  faltung_plan* plan = measured(&how);
  const auto known = wisdom_of(Problem::parse(line));
  ASSERT_FALSE(known.empty());
  EXPECT_LE(known.size(), 3U);
  faltung_facts facts{};
  facts.size = sizeof facts;
  EXPECT_EQ(faltung_plan_facts(plan, &facts), FALTUNG_OK);
  EXPECT_EQ(std::string(facts.engine) + '/' + facts.way, known[0].way);
  EXPECT_EQ(faltung_plan_destroy(plan), FALTUNG_OK);
  // What is known is not measured again, unless that is asked for.
  const std::string before = exported();
  EXPECT_EQ(faltung_plan_destroy(measured(nullptr)), FALTUNG_OK);
  EXPECT_EQ(exported(), before);
  how.remeasure = 1;
  how.ways = 5;
  EXPECT_EQ(faltung_plan_destroy(measured(&how)), FALTUNG_OK);
  EXPECT_GE(wisdom_of(Problem::parse(line)).size(), known.size());
}

TEST_F(CWisdom, GoesOutAndComesBack) {
  EXPECT_EQ(faltung_plan_destroy(measured(nullptr)), FALTUNG_OK);
  const std::string text = exported();
  const test::TemporaryFolder folder;
  const std::string path = folder.path("wisdom");
  EXPECT_EQ(faltung_export_wisdom_file(path.c_str()), FALTUNG_OK) << faltung_last_error();
  for (const bool from_file : {false, true}) {
    EXPECT_EQ(faltung_forget_wisdom(), FALTUNG_OK);
    EXPECT_TRUE(wisdom_of(Problem::parse(line)).empty());
    faltung_wisdom_lines lines{};
    const std::string damaged = text + "no wisdom\n";
    EXPECT_EQ(from_file ? faltung_import_wisdom_file(path.c_str(), &lines)
                        : faltung_import_wisdom(damaged.c_str(), &lines),
              FALTUNG_OK);
    EXPECT_EQ(lines.taken, 1U);
    EXPECT_EQ(lines.foreign, 0U);
    EXPECT_EQ(lines.skipped, from_file ? 0U : 1U);
    EXPECT_EQ(exported(), text);
  }
  EXPECT_EQ(faltung_import_wisdom(text.c_str(), nullptr), FALTUNG_OK);
}

void expect_said(faltung_status status, const std::string& said) {
  EXPECT_EQ(status, FALTUNG_INVALID);
  EXPECT_NE(std::string(faltung_last_error()).find(said), std::string::npos)
      << faltung_last_error();
}

TEST_F(CWisdom, SaysWhatItTakes) {
  expect_said(faltung_import_wisdom(nullptr, nullptr), "text is a null pointer");
  expect_said(faltung_export_wisdom_file(nullptr), "path is a null pointer");
  expect_said(faltung_import_wisdom_file("/nowhere/at/all", nullptr), "/nowhere/at/all");
  faltung_plan* plan = nullptr;
  faltung_measure_options how = FALTUNG_MEASURE_OPTIONS_INIT;
  how.size = 3;
  expect_said(faltung_plan_create_measured(line, nullptr, nullptr, &how, &plan), "how.size is 3");
  how = FALTUNG_MEASURE_OPTIONS_INIT;
  how.remeasure = 2;
  expect_said(faltung_plan_create_measured(line, nullptr, nullptr, &how, &plan),
              "how.remeasure is 2; use 0 or 1");
  how = FALTUNG_MEASURE_OPTIONS_INIT;
  how.ways = 0;
  expect_said(faltung_plan_create_measured(line, nullptr, nullptr, &how, &plan), "ways is 0");
  EXPECT_EQ(plan, nullptr);
  expect_said(faltung_plan_create_measured(line, nullptr, nullptr, nullptr, nullptr),
              "plan is a null pointer");
}

}  // namespace
}  // namespace faltung
