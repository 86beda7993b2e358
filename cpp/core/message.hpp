#pragma once

#include <sstream>
#include <string>

namespace faltung {

/// Strings everything that follows together: message("stride ", 0, " along axis ", 1).
template <typename... Parts>
[[nodiscard]] std::string message(const Parts&... parts) {
  std::ostringstream os;
  (os << ... << parts);
  return os.str();
}

}  // namespace faltung
