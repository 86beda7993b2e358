#pragma once

#include <faltung/error.hpp>
#include <string>

namespace faltung::tools {

/// A file cannot be opened, read or written, or does not hold what its format promises. The message
/// starts with the path.
class FileError : public Error {
 public:
  FileError(const std::string& path, const std::string& what) : Error(path + ": " + what) {}
};

}  // namespace faltung::tools
