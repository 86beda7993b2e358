#pragma once

#include <locale>
#include <sstream>
#include <string>

namespace faltung {

/// Strings everything that follows together: message("stride ", 0, " along axis ", 1).
template <typename... Parts>
[[nodiscard]] std::string message(const Parts&... parts) {
  std::ostringstream os;
  os.imbue(std::locale::classic());  // the program's own locale may write 1024 as "1.024"
  (os << ... << parts);
  return os.str();
}

}  // namespace faltung
