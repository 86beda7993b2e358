#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"

namespace faltung::test {
namespace {

struct Case {
  const TestDevice* device;
  const Engine* engine;
  Problem problem;
  std::string name;
};

// Names a case in messages: "cpu.direct [op=fwd dtype=f32 ...]".
void PrintTo(const Case& c, std::ostream* os) {
  *os << c.engine->name() << " [" << c.problem << ']';
}

std::string test_name(const std::string& file, std::size_t line, const TestDevice& device,
                      const Engine& engine) {
  std::string name = file + std::to_string(line) + "_" + device.name() + "_";
  for (const char c : engine.name()) name += c == '.' ? '_' : c;
  return name;
}

const std::vector<Problem>& problems(const std::string& file) {
  static std::map<std::string, std::vector<Problem>> files;
  if (!files.contains(file)) {
    for (const std::string& line : problem_lines("tests/problems/" + file + ".txt")) {
      files[file].push_back(Problem::parse(line));
    }
  }
  return files[file];
}

// Every problem of the files for every engine that takes it, if `wanted`.
std::vector<Case> cases(bool (*wanted)(const Case&)) {
  std::vector<Case> result;
  for (const std::string file : {"smoke", "basic", "regression"}) {
    for (std::size_t i = 0; i < problems(file).size(); ++i) {
      for (const TestDevice* device : test_devices()) {
        for (const Engine* engine : device->engines()) {
          const Problem& problem = problems(file)[i];
          if (!engine->offer(problem, device->stream().device)) continue;
          const Case c{device, engine, problem, test_name(file, i, *device, *engine)};
          if (wanted(c)) result.push_back(c);
        }
      }
    }
  }
  return result;
}

class EngineAgreement : public ::testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] Array expected(const Operands& operands) const {
    return run_guarded(cpu_device(), reference_engine(), problem, operands);
  }
  // The share of the allowed error that this engine used for these operands.
  [[nodiscard]] double ratio(const Operands& operands, const Array& result) const {
    const double used = error_ratio(problem, operands, expected(operands), result, bound());
    double& worst = worst_ratio()[std::string(engine.name())];
    worst = std::max(worst, used);
    return used;
  }
  [[nodiscard]] ErrorBound bound() const {
    return engine.offer(problem, device.stream().device).prepare()->error_bound();
  }
  static std::map<std::string, double>& worst_ratio() {
    static std::map<std::string, double> worst;
    return worst;
  }
  const Problem& problem = GetParam().problem;
  const Engine& engine = *GetParam().engine;
  const TestDevice& device = *GetParam().device;
};

class FloatingAgreement : public EngineAgreement {
 protected:
  // A silent loss of accuracy shows here before it breaks a bound.
  static void TearDownTestSuite() {
    for (const auto& [engine, worst] : worst_ratio()) {
      std::cout << engine << " used at most " << worst << " of its error bound\n";
    }
  }
};
class IntegerAgreement : public EngineAgreement {};
class BoundFilterAgreement : public EngineAgreement {};
class NonFiniteAgreement : public EngineAgreement {};

bool has_integer_sums(const Case& c) { return is_integer(c.problem.accumulator); }
bool has_floating_sums(const Case& c) { return !has_integer_sums(c); }
bool has_filter(const Case& c) { return c.problem.pass != Pass::backward_filter; }
bool keeps_non_finite(const Case& c) {
  const auto task = c.engine->offer(c.problem, c.device->stream().device).prepare();
  return has_floating_sums(c) && !task->facts().spreads_non_finite;
}
bool any(const Case&) { return true; }

const auto name_of = [](const auto& test) { return test.param.name; };
const auto cases_that = [](bool (*wanted)(const Case&)) {
  return ::testing::ValuesIn(cases(wanted));
};
INSTANTIATE_TEST_SUITE_P(Problems, EngineAgreement, cases_that(any), name_of);
INSTANTIATE_TEST_SUITE_P(Problems, FloatingAgreement, cases_that(has_floating_sums), name_of);
INSTANTIATE_TEST_SUITE_P(Problems, IntegerAgreement, cases_that(has_integer_sums), name_of);
INSTANTIATE_TEST_SUITE_P(Problems, BoundFilterAgreement, cases_that(has_filter), name_of);
INSTANTIATE_TEST_SUITE_P(Problems, NonFiniteAgreement, cases_that(keeps_non_finite), name_of);

// Sums of small integers are exact in every type, so any difference is an indexing error. Engines
// that err by the norm keep their bound.
TEST_P(EngineAgreement, IsExactOnSmallIntegers) {
  const Operands operands = filled_operands(problem, Fill::small_integers, test_seed());
  const Array result = run_guarded(device, engine, problem, operands);
  if (bound().kind == ErrorBound::Kind::normwise) {
    EXPECT_LE(ratio(operands, result), 1);
  } else {
    EXPECT_TRUE(equal_elements(expected(operands), result));
  }
}

TEST_P(FloatingAgreement, KeepsItsBoundOnReals) {
  const Operands operands = filled_operands(problem, Fill::reals, test_seed());
  EXPECT_LE(ratio(operands, run_guarded(device, engine, problem, operands)), 1);
}

TEST_P(IntegerAgreement, IsExactOnTheWholeRange) {
  const Operands operands = filled_operands(problem, Fill::whole_range, test_seed());
  EXPECT_TRUE(same_elements(expected(operands), run_guarded(device, engine, problem, operands)));
}

// What stands in the workspace, and in a result that is not read, must not matter.
TEST_P(EngineAgreement, GivesTheSameBitsFromAnyMemory) {
  const Operands operands = filled_operands(problem, Fill::reals, test_seed());
  const Array first = run_guarded(device, engine, problem, operands, {.poison = std::byte{0xff}});
  const Array second = run_guarded(device, engine, problem, operands, {.poison = std::byte{0x5a}});
  EXPECT_TRUE(same_elements(first, second));
}

TEST_P(BoundFilterAgreement, GivesTheSameBits) {
  const Operands operands = filled_operands(problem, Fill::reals, test_seed());
  const Array plain = run_guarded(device, engine, problem, operands);
  const Array bound = run_guarded(device, engine, problem, operands, {.bind_filter = true});
  EXPECT_TRUE(same_elements(plain, bound));
}

// An output is not finite only if the definition says so, unless the policy says otherwise.
TEST_P(NonFiniteAgreement, StaysWhereTheDefinitionHasIt) {
  Operands operands = filled_operands(problem, Fill::reals, test_seed());
  for (Array* array : {&operands.first, &operands.second}) {
    if (is_integer(array->dtype())) continue;
    Extents last;
    for (const std::int64_t extent : array->shape()) last.push_back(extent - 1);
    array->set(last, std::numeric_limits<double>::infinity());
    array->set(Extents::filled(last.size(), 0), std::numeric_limits<double>::quiet_NaN());
  }
  const Array reference = expected(operands);
  const Array result = run_guarded(device, engine, problem, operands);
  const auto finite = [](std::complex<double> z) {
    return std::isfinite(z.real()) && std::isfinite(z.imag());
  };
  for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
    EXPECT_EQ(finite(reference.get(index)), finite(result.get(index)))
        << "at " << index << ": " << reference.get(index) << " and " << result.get(index);
  });
}

// Guards the cases above against an engine that refuses everything.
TEST(EngineSupport, EveryEngineTakesAFairShareOfTheProblems) {
  for (const TestDevice* device : test_devices()) {
    for (const Engine* engine : device->engines()) {
      const auto taken = std::ranges::count_if(problems("basic"), [&](const Problem& p) {
        return static_cast<bool>(engine->offer(p, device->stream().device));
      });
      // One engine is for declared outer products alone.
      const auto offered = std::ranges::count_if(problems("basic"), [&](const Problem& p) {
        return engine->name() != "cuda.separable" || p.separable;
      });
      RecordProperty(std::string(engine->name()), static_cast<int>(taken));
      std::cout << engine->name() << " takes " << taken << " of " << offered << " problems\n";
      EXPECT_GE(4 * taken, offered);
    }
  }
}

}  // namespace
}  // namespace faltung::test
