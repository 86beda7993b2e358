#include "cpp/tools/io/warning.hpp"

#include <algorithm>
#include <cstdio>

namespace faltung::tools {

void warn(const std::string& path, const std::string& what) {
  std::string line = path + ": " + what;
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 32 || c == 127; }, '?');
  std::fprintf(stderr, "faltung: warning: %s\n", line.c_str());
}

}  // namespace faltung::tools
