#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "cpp/cpu/direct/direct_engine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"
#include "tests/support/error_check.hpp"

namespace faltung::test {

/// A way of cpu.direct, on the instruction set that is the test's parameter, against the reference.
class DirectWayTest : public ::testing::TestWithParam<std::string> {
 protected:
  explicit DirectWayTest(std::string_view way) : way_(way) {}

  void SetUp() override { set_cpu_target(GetParam()); }
  void TearDown() override { set_cpu_target(""); }

  [[nodiscard]] static Offer offer(const Problem& p, std::string_view way = {}) {
    return direct_engine().offer(p, Device::cpu(), way);
  }
  [[nodiscard]] Array run(const Problem& p, const Operands& operands) const {
    return run_by(way_, p, operands);
  }
  [[nodiscard]] static Array run_by(std::string_view way, const Problem& p,
                                    const Operands& operands) {
    RunOptions options;
    options.way = way;
    return run_guarded(cpu_device(), direct_engine(), p, operands, options);
  }
  [[nodiscard]] static Array expected(const Problem& p, const Operands& operands) {
    return run_guarded(cpu_device(), reference_engine(), p, operands);
  }
  /// The engine takes the way by itself, and small integers come out exactly.
  void expect_exact(const std::string& line) const {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    ASSERT_EQ(offer(p).way, way_);
    const Operands operands = filled_operands(p, Fill::small_integers, test_seed());
    EXPECT_TRUE(equal_elements(expected(p, operands), run(p, operands)));
  }

 private:
  std::string_view way_;
};

}  // namespace faltung::test
