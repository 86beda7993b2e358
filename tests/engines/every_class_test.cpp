// Every engine on every combination of type, pass, rank, boundary, step and kind of channels that
// it takes, in small extents with uneven pads. Large and unusual extents are elsewhere.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cpp/core/message.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"

namespace faltung::test {
namespace {

constexpr std::array types = {"u8",  "i8",   "i16",       "u16",        "i32", "u32",
                              "i64", "u64",  "f16",       "bf16",       "f32", "f64",
                              "c64", "c128", "u8:f32:u8", "i16:f32:f32"};
constexpr std::array passes = {"fwd", "dgrad", "wgrad"};
constexpr std::array shapes = {"in=19 f=4 pad=3:2", "in=7x9 f=3x2 pad=2:1x1",
                               "in=4x5x6 f=2x3x2 pad=1:0x2:1x1"};
constexpr std::array boundaries = {"zero", "constant(2)",        "nearest", "reflect", "mirror",
                                   "wrap", "reflect:constant(1)"};
constexpr std::array steps = {"stride=1", "stride=2", "dil=2", "stride=2 dil=3"};
constexpr std::array channels = {"n=2", "n=2 c=3 k=3 g=3", "c=3 k=4", "n=2 sep=1"};
// The last of them for the engines of the CPU alone: kernels for GPUs have tests of their own.
constexpr std::array channels_last = {"c=3 k=4 layout=nhwc", "c=3 k=6 g=3 layout=nhwc",
                                      "c=17 k=17 g=17 layout=nhwc"};

std::vector<std::string> lines(const char* type) {
  std::vector<const char*> kinds(channels.begin(), channels.end());
  kinds.insert(kinds.end(), channels_last.begin(), channels_last.end());
  if (test_devices().front() != &cpu_device()) kinds.pop_back();
  std::vector<std::string> result;
  for (const char* pass : passes) {
    for (const char* shape : shapes) {
      for (const char* boundary : boundaries) {
        for (const char* step : steps) {
          for (const char* kind : kinds) {
            result.push_back(message("op=", pass, " dtype=", type, ' ', shape, ' ', step,
                                     " boundary=", boundary, ' ', kind));
          }
        }
      }
    }
  }
  return result;
}

class EveryClass : public ::testing::TestWithParam<const char*> {};

// What the reference makes of a problem.
struct Expected {
  Operands operands;
  Array result;
};
Expected expected(const Problem& problem, Fill fill) {
  Operands operands = filled_operands(problem, fill, test_seed());
  Array result = run_guarded(cpu_device(), reference_engine(), problem, operands);
  return {std::move(operands), std::move(result)};
}

testing::AssertionResult agrees(const TestDevice& device, const Engine& engine,
                                const Problem& problem, const Expected& want, bool exactly) {
  const Array result = run_guarded(device, engine, problem, want.operands);
  const ErrorBound bound = engine.offer(problem, device.stream().device).prepare()->error_bound();
  if (exactly && bound.kind != ErrorBound::Kind::normwise) {
    return equal_elements(want.result, result) ? testing::AssertionSuccess()
                                               : testing::AssertionFailure() << "not equal";
  }
  const double ratio = error_ratio(problem, want.operands, want.result, result, bound);
  if (ratio <= 1) return testing::AssertionSuccess();
  return testing::AssertionFailure() << ratio << " times the error bound";
}

// Of each engine, how many problems it refused for which reason.
using Refusals = std::map<std::string, std::map<std::string, int>>;

void list(const Refusals& refusals, std::size_t all) {
  for (const auto& [engine, reasons] : refusals) {
    int count = 0;
    for (const auto& [reason, times] : reasons) count += times;
    testing::Test::RecordProperty(engine + "_refuses", count);
    std::printf("%s refuses %d of %zu\n", engine.c_str(), count, all);
    for (const auto& [reason, times] : reasons) {
      EXPECT_FALSE(reason.empty()) << engine;
      std::printf("  %5d  %s\n", times, reason.c_str());
    }
  }
}

// Sums of small integers are exact in every type; engines that err by the norm keep their bound.
TEST_P(EveryClass, AgreesWithTheReference) {
  std::map<std::string, int> served;
  Refusals refusals;
  const std::vector<std::string> all = lines(GetParam());
  for (const std::string& line : all) {
    const Problem problem = Problem::parse(line);
    const Expected integers = expected(problem, Fill::small_integers);
    std::optional<Expected> reals;
    if (!is_integer(problem.accumulator)) reals = expected(problem, Fill::reals);
    for (const TestDevice* device : test_devices()) {
      for (const Engine* engine : device->engines()) {
        if (engine == &reference_engine()) continue;
        if (const Offer offer = engine->offer(problem, device->stream().device); !offer) {
          ++refusals[std::string(engine->name())][offer.refusal];
          continue;
        }
        ++served[std::string(engine->name())];
        EXPECT_TRUE(agrees(*device, *engine, problem, integers, true))
            << engine->name() << " on " << line;
        if (reals) {
          EXPECT_TRUE(agrees(*device, *engine, problem, *reals, false))
              << engine->name() << " on " << line;
        }
      }
    }
    if (HasFailure()) return;  // the first one says it
  }
  for (const auto& [engine, count] : served) {
    RecordProperty(engine, count);
    if (engine.ends_with(".direct")) {
      EXPECT_GE(3 * count, static_cast<int>(all.size())) << engine;  // at least one pass of three
    }
  }
  EXPECT_FALSE(served.empty());
  list(refusals, all.size());
}

INSTANTIATE_TEST_SUITE_P(Types, EveryClass, ::testing::ValuesIn(types), [](const auto& test) {
  std::string name = test.param;
  std::erase(name, ':');
  return name;
});

}  // namespace
}  // namespace faltung::test
