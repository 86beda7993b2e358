#pragma once

#include <string>

namespace faltung::tools {

/// Says on one line of stderr what is odd about a file that was read all the same.
void warn(const std::string& path, const std::string& what);

}  // namespace faltung::tools
