#pragma once

#include <cstdint>

#include "tests/support/array.hpp"
#include "tests/support/devices.hpp"

namespace faltung::test {

/// FALTUNG_TEST_SEED, or a fixed number; printed once, so that any failure can be repeated.
[[nodiscard]] std::uint64_t test_seed();

/// What one run of a problem reads: both operands in the order of the pass, the bias (empty without
/// one), and the result's elements before it (which matter if beta is not 0).
struct Operands {
  Array first, second, bias, before;
};

/// Arrays of the problem's types, shapes and strides, all zeros.
[[nodiscard]] Operands zero_operands(const Problem& problem);

enum class Fill {
  small_integers,  ///< -2 to 2 or 0 to 3, one in five or one in four 0: sums are exact in any type
  reals,           ///< uniform in [-1, 1); integer types keep the small integers
  whole_range      ///< integer types take any value; others the small integers
};
/// Filters are outer products if the problem promises it.
[[nodiscard]] Operands filled_operands(const Problem& problem, Fill fill, std::uint64_t seed);

void fill_array(Array& array, Fill fill, std::uint64_t seed);

struct RunOptions {
  std::byte poison{0xff};     ///< in workspace, gaps, and elements that must not be read
  bool bind_filter = false;   ///< by prepare_filter instead of passing w
  std::string_view way = {};  ///< of the engine; empty leaves it the choice
};

/// Runs the problem on guarded copies and returns the result. Fails the current test if the engine
/// writes outside the result's elements and its workspace, or changes an operand.
[[nodiscard]] Array run_guarded(const TestDevice& device, const Engine& engine,
                                const Problem& problem, const Operands& operands,
                                const RunOptions& options = {});

}  // namespace faltung::test
