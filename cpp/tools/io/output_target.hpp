#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

namespace faltung::tools {

/// What the name of an output stands for.
struct OutputTarget {
  std::string path;              ///< of a file, symbolic links resolved
  std::optional<int> inherited;  ///< the descriptor of this process that the name means
  bool stream = false;           ///< written as it is, not replaced: pipes, devices, descriptors
  bool exists = false;
  struct stat status {};  ///< if it exists and is no inherited descriptor
};

/// Follows `path` to its end without opening it. "-" and names that lead to /proc/self/fd/N, such
/// as /dev/stdout and /dev/fd/N, mean the descriptor itself: what a shell redirected there must not
/// be replaced by another file.
///
/// @throws FileError if it cannot be followed, is a folder or block device, or may not be written.
[[nodiscard]] OutputTarget resolve_output(const std::string& path);

}  // namespace faltung::tools
