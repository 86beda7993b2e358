#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace faltung {

/// The instruction sets for which the vector kernels are compiled and that this processor has, best
/// first: "avx512", "avx2", "sse4", "neon", "scalar". Empty in a build without Highway.
[[nodiscard]] const std::vector<std::string>& cpu_targets();

/// Which of them tasks prepared from now on use; "" is the best. Until it is called, the
/// environment variable FALTUNG_CPU_TARGET decides.
///
/// @throws InvalidProblem if it is none of cpu_targets().
void set_cpu_target(std::string_view name);

/// The one that tasks use now.
[[nodiscard]] std::string cpu_target();

/// The place of cpu_target() in a table of functions made by Highway's HWY_EXPORT.
[[nodiscard]] std::size_t cpu_target_index();

}  // namespace faltung
