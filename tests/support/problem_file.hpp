#pragma once

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace faltung::test {

/// A path below the root of the source tree: that of the build, or FALTUNG_SOURCE_DIR from the
/// environment where the programs run on another machine.
inline std::string source_path(const std::string& path) {
  const char* root = std::getenv("FALTUNG_SOURCE_DIR");
  return std::string(root != nullptr ? root : FALTUNG_SOURCE_DIR) + "/" + path;
}

/// The lines of a file below the root of the source tree that hold a problem: neither empty nor a
/// comment. `Problem::parse` passes over the comment behind a problem.
inline std::vector<std::string> problem_lines(const std::string& path) {
  std::ifstream file(source_path(path));
  if (!file) throw std::runtime_error("cannot open " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') lines.push_back(line);
  }
  return lines;
}

}  // namespace faltung::test
