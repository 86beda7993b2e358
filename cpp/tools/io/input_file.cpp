#include "cpp/tools/io/input_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cpp/tools/io/file_error.hpp"

namespace faltung::tools {

InputFile::InputFile(const std::string& path) : path_(path) {
  // Non-blocking, so that a pipe nobody writes to is refused instead of waited for.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) throw FileError(path, fmt::format("cannot open: {}", std::strerror(errno)));
  struct stat status {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw FileError(path, "not a regular file; pipes and devices have no length to check against");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::uint64_t offset, std::span<std::byte> target) const {
  while (!target.empty()) {
    const ssize_t got =
        ::pread(descriptor_, target.data(), target.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw FileError(path_,
                      fmt::format("cannot read at byte {}: {}", offset, std::strerror(errno)));
    }
    if (got == 0) {
      throw FileError(path_,
                      fmt::format("ends at byte {}, {} more were expected", offset, target.size()));
    }
    offset += static_cast<std::uint64_t>(got);
    target = target.subspan(static_cast<std::size_t>(got));
  }
}

std::vector<std::byte> InputFile::read_all() const {
  std::vector<std::byte> bytes(size_);
  read(0, bytes);
  return bytes;
}

}  // namespace faltung::tools
