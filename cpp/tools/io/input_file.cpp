#include "cpp/tools/io/input_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cpp/tools/io/file_error.hpp"

namespace faltung::tools {
namespace {

std::string in_words(const char* action) {
  return fmt::format("cannot {}: {}", action, std::strerror(errno));
}

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path == "-" ? "standard input" : path) {
  descriptor_ = path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                            : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor_ < 0) throw FileError(path_, in_words("open"));
  try {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) throw FileError(path_, in_words("open"));
    if (S_ISREG(status.st_mode)) {
      const off_t position = ::lseek(descriptor_, 0, SEEK_CUR);
      start_ = static_cast<std::uint64_t>(std::max<off_t>(0, position));
      const auto length = static_cast<std::uint64_t>(status.st_size);
      size_ = length - std::min(length, start_);
    } else if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) {
      read_to_end();
    } else {
      throw FileError(path_, "not a regular file or pipe; folders and devices are not read");
    }
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read_to_end() {
  piped_ = true;
  std::size_t filled = 0;
  for (;;) {
    if (filled == contents_.size()) contents_.resize(std::max<std::size_t>(65536, 2 * filled));
    const ssize_t got = ::read(descriptor_, contents_.data() + filled, contents_.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw FileError(path_, in_words("read"));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  contents_.resize(filled);
  size_ = filled;
}

void InputFile::read(std::uint64_t offset, std::span<std::byte> target) const {
  const auto ends = [&]() -> FileError {
    return {path_, fmt::format("ends at byte {}, {} more were expected", offset, target.size())};
  };
  if (piped_) {
    if (offset > size_ || target.size() > size_ - offset) throw ends();
    std::copy_n(contents_.begin() + static_cast<std::ptrdiff_t>(offset), target.size(),
                target.begin());
    return;
  }
  while (!target.empty()) {
    const ssize_t got =
        ::pread(descriptor_, target.data(), target.size(), static_cast<off_t>(start_ + offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw FileError(path_,
                      fmt::format("cannot read at byte {}: {}", offset, std::strerror(errno)));
    }
    if (got == 0) throw ends();
    offset += static_cast<std::uint64_t>(got);
    target = target.subspan(static_cast<std::size_t>(got));
  }
}

std::vector<std::byte> InputFile::read_all() const {
  if (piped_) return contents_;
  std::vector<std::byte> bytes(size_);
  read(0, bytes);
  return bytes;
}

}  // namespace faltung::tools
