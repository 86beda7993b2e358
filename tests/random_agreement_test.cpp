#include <gtest/gtest.h>

#include <map>

#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/property_problems.hpp"

namespace faltung::test {
namespace {

// Every field at random, types and epilogues too: what no list of problems thinks of.
TEST(RandomAgreement, EveryEngineKeepsItsBoundOnRandomProblems) {
  RandomProblems draw(test_seed());
  std::map<std::string_view, int> runs;
  for (std::uint64_t i = 0; i < 1200; ++i) {
    const Problem p = tamed(draw());
    p.validate();
    const Fill fill = is_integer(p.accumulator) ? Fill::whole_range : Fill::reals;
    const Operands operands = filled_operands(p, fill, test_seed() + i);
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    for (const TestDevice* device : test_devices()) {
      for (const Engine* engine : device->engines()) {
        if (engine == &reference_engine() || !engine->supports(p, device->stream().device)) {
          continue;
        }
        ++runs[engine->name()];
        const Array result = run_guarded(*device, *engine, p, operands);
        const ErrorBound bound = engine->prepare(p, device->stream().device)->error_bound();
        EXPECT_LE(error_ratio(p, operands, expected, result, bound), 1)
            << engine->name() << " [" << p << ']';
      }
    }
  }
  for (const auto& [name, count] : runs) {
    std::cout << name << " ran " << count << " random problems\n";
    EXPECT_GE(count, 300);
  }
}

}  // namespace
}  // namespace faltung::test
