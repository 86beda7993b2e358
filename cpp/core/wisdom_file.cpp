#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/wisdom.hpp"

namespace faltung {
namespace {

constexpr off_t largest_file = off_t{256} << 20;

[[noreturn]] void fail(const std::string& path, std::string_view action) {
  throw InvalidProblem(
      message("wisdom file ", path, " cannot be ", action, ": ", std::strerror(errno)));
}

/// An open file, closed at the end; closing also gives a lock back.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

void write_all(int descriptor, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path, "written");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// One name for all writers, who hold the lock: a killed one leaves at most this file, and the next
// one replaces it.
void replace(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  struct stat old = {};
  const bool exists = ::stat(path.c_str(), &old) == 0;
  const Descriptor file(::open(temporary.c_str(),
                               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                               exists ? old.st_mode & 0777 : 0666));
  if (!file.is_open()) fail(temporary, "created");
  write_all(file.number(), text, temporary);
  if (::fsync(file.number()) != 0) fail(temporary, "written");
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "replaced");
}

}  // namespace

std::optional<std::string> read_wisdom(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    fail(path, "read");
  }
  struct stat status = {};
  if (::fstat(file.number(), &status) != 0) fail(path, "read");
  if (!S_ISREG(status.st_mode) || status.st_size > largest_file) {
    throw InvalidProblem(message("wisdom file ", path,
                                 " cannot be read: it is no regular file of at most ", largest_file,
                                 " bytes; name another one"));
  }
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.number(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, "read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

void merge_into_file(const std::string& given, WisdomTable table) {
  // What a link means is replaced, not the link.
  std::error_code unknown;
  const auto meant = std::filesystem::weakly_canonical(given, unknown);
  const std::string path = unknown ? given : meant.string();
  const std::string lock_path = path + ".lock";
  const Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!lock.is_open()) fail(lock_path, "created");
  while (::flock(lock.number(), LOCK_EX) != 0) {
    if (errno != EINTR) fail(lock_path, "locked");
  }
  if (const auto text = read_wisdom(path)) (void)merge_text(table, *text);
  replace(path, to_text(table));
}

}  // namespace faltung
