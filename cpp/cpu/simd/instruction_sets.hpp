#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace faltung {

/// An instruction set that whole files are compiled for, by faltung_for_each_set of simd.cmake, and
/// its registers. Kernels of Highway's vectors have sets of their own; see cpu_target.hpp.
struct InstructionSet {
  std::string_view name;  ///< "avx512", "avx2", "baseline"
  std::int64_t register_bytes;

  /// Values of so many bytes in a register.
  [[nodiscard]] std::int64_t lanes(std::int64_t bytes) const {
    return std::max<std::int64_t>(1, register_bytes / bytes);
  }
};

/// Those of this build that the processor has, best first.
[[nodiscard]] const std::vector<InstructionSet>& instruction_sets();
/// The one that set_cpu_target (cpu_target.hpp) asks for.
[[nodiscard]] InstructionSet current_instruction_set();

}  // namespace faltung
