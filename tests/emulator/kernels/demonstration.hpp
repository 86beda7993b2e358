#pragma once

#include <functional>
#include <string>
#include <vector>

namespace faltung::emulator_kernels {

/// One kernel on fixed data. Runs in the emulator and on a GPU from the same source.
struct Demonstration {
  std::string name;
  std::function<std::vector<float>()> run;
  std::function<std::vector<float>()> expected;
  /// Largest difference to `expected`; 0 asks for the same bits, on a GPU too.
  double bound = 0;
};

[[nodiscard]] std::vector<Demonstration> plain_demonstrations();   ///< sm_80
[[nodiscard]] std::vector<Demonstration> hopper_demonstrations();  ///< sm_90a

}  // namespace faltung::emulator_kernels
