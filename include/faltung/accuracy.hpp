#pragma once

#include <cstdint>
#include <string_view>

#include <faltung/export.hpp>

namespace faltung {

/// By what the errors of floating results may be measured (docs/bounds.md).
enum class Accuracy : std::uint8_t {
  normwise,    ///< by the data that are transformed together, where an FFT engine is the fastest
  elementwise  ///< by the magnitudes of each output's own products, whatever engine runs
};

/// "normwise", "elementwise".
[[nodiscard]] FALTUNG_API std::string_view name(Accuracy accuracy) noexcept;
/// @throws InvalidProblem for any other word.
[[nodiscard]] FALTUNG_API Accuracy parse_accuracy(std::string_view text);

}  // namespace faltung
