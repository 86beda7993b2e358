#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include <faltung/problem.hpp>

namespace faltung {

/// A small problem whose result is a box of a larger one's result, at the same addresses: it reads
/// and writes the larger one's tensors through offsets and strides.
struct Window {
  Problem problem;
  std::int64_t first_offset = 0;  ///< elements from the start of the larger problem's operand
  std::int64_t second_offset = 0;
  std::int64_t result_offset = 0;
  std::int64_t channel = 0;  ///< of the result, that of the window's first one
};

/// A random box of at most `work` multiply-adds (at least one result element).
///
/// Boxes at both ends of every axis come up often, because that is where boundaries are. None for
/// backward_data with boundaries other than zero or with input dilation: there distant results
/// depend on each other.
[[nodiscard]] std::optional<Window> random_window(const Problem& problem, double work,
                                                  std::mt19937_64& random);

}  // namespace faltung
