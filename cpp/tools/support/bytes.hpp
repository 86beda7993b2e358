#pragma once

#include <cstddef>
#include <string>

namespace faltung::tools {

/// "1000", or "512K", "100M", "4G" for multiples of 1024 bytes, of 1024 of those and so on: at
/// least 1.
///
/// @throws InvalidProblem naming the option, the text and the rule
[[nodiscard]] std::size_t parse_bytes(const std::string& option, const std::string& text);

}  // namespace faltung::tools
