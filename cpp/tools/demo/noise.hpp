#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>

namespace faltung::tools::demo {

/// Random numbers that are the same on every machine for the same seed; the distributions of the
/// standard library are not.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : bits_(seed) {}

  /// Evenly from (0, 1).
  double uniform() { return (static_cast<double>(bits_() >> 11) + 0.5) * 0x1p-53; }

  /// Normal, mean 0 and deviation 1. Source: Box & Muller, Ann. Math. Statist. 29 (1958) 610.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::mt19937_64 bits_;
};

}  // namespace faltung::tools::demo
