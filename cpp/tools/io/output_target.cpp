#include "cpp/tools/io/output_target.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "cpp/tools/io/file_error.hpp"

namespace faltung::tools {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw FileError(path, "cannot be written: " + why);
}

std::optional<int> number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

/// Follows one symbolic link after the other: the system would follow the links in /proc/self/fd to
/// what the descriptors lead to, and the descriptor would be forgotten.
OutputTarget follow(const std::string& path) {
  constexpr int max_links = 40;  // as the kernel
  const std::string own = fmt::format("/proc/{}/fd", ::getpid());
  OutputTarget target;
  fs::path name = path;
  for (int links = 0; links <= max_links; ++links) {
    std::error_code error;
    const fs::path given = name.has_parent_path() ? name.parent_path() : fs::path(".");
    const fs::path folder = fs::canonical(given, error);
    // A missing folder is reported when the file is made there.
    target.path = error ? name.string() : (folder / name.filename()).string();
    if (!error && folder == own) target.inherited = number(name.filename().string());
    struct stat status {};
    if (target.inherited || ::lstat(target.path.c_str(), &status) != 0) return target;
    if (!S_ISLNK(status.st_mode)) return target;
    if (folder.string().starts_with("/proc/")) {  // another process's descriptor
      target.stream = true;
      return target;
    }
    const fs::path next = fs::read_symlink(target.path, error);
    if (error) refuse(path, error.message());
    name = next.is_absolute() ? next : folder / next;
    if (!fs::exists(fs::status(name, error))) refuse(path, "the symbolic link leads nowhere");
  }
  refuse(path, "too many symbolic links");
}

}  // namespace

OutputTarget resolve_output(const std::string& path) {
  if (path.empty()) throw FileError("the output's name is empty", "name a file to create");
  OutputTarget target;
  if (path == "-") {
    target.inherited = STDOUT_FILENO;
  } else {
    target = follow(path);
  }
  if (target.inherited) {
    target.stream = true;
    return target;
  }
  if (::stat(target.path.c_str(), &target.status) != 0) {
    // Names too long, folders that are files or may not be searched: all known before the work.
    if (errno != ENOENT)
      throw FileError(path, fmt::format("cannot be created: {}", std::strerror(errno)));
    return target;
  }
  target.exists = true;
  const mode_t mode = target.status.st_mode;
  if (S_ISDIR(mode)) refuse(path, "it is a folder, not a regular file; name a file to create");
  if (S_ISBLK(mode)) refuse(path, "it is a block device, not a regular file");
  target.stream = target.stream || !S_ISREG(mode);
  if (::faccessat(AT_FDCWD, target.path.c_str(), W_OK, AT_EACCESS) != 0) {
    refuse(path, std::strerror(errno));
  }
  return target;
}

}  // namespace faltung::tools
