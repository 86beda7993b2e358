#include "cpp/tools/io/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "cpp/tools/io/file_error.hpp"

namespace faltung::tools {
namespace {

/// Names of temporary files, in memory that is never freed: a signal handler may read it any time.
struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<bool> named{false};
  char name[PATH_MAX] = {};
};
std::array<Slot, 16> slots;
static_assert(std::atomic<bool>::is_always_lock_free, "needed in a signal handler");

extern "C" void remove_and_raise(int signal) {
  for (const Slot& slot : slots) {
    if (slot.named) ::unlink(slot.name);
  }
  ::kill(::getpid(), signal);  // the default action is back, see SA_RESETHAND
}

std::size_t take_slot() {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i].taken.exchange(true)) return i;
  }
  throw Error(fmt::format("more than {} output files are open at once", slots.size()));
}

void release_slot(Slot& slot) {
  slot.named = false;
  slot.taken = false;
}

/// Renaming onto a link would replace the link, and onto a device would destroy the device.
std::string resolve_target(const std::string& path) {
  namespace fs = std::filesystem;
  if (path.empty()) throw FileError("the output's name is empty", "name a file to create");
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw FileError(path, "cannot be written: it is not a regular file; name a file to create");
  }
  if (!fs::is_symlink(fs::symlink_status(path, error))) return path;
  const fs::path resolved = fs::canonical(path, error);
  if (error) throw FileError(path, "cannot be written: the symbolic link leads nowhere");
  return resolved.string();
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(resolve_target(path)) {
  static std::atomic<unsigned> counter{0};
  const std::string folder = std::filesystem::path(target_).parent_path().string();
  const std::string name = fmt::format("{}.faltung-{}-{}.tmp", folder.empty() ? "" : folder + "/",
                                       ::getpid(), counter++);
  if (name.size() >= PATH_MAX) throw FileError(path_, "cannot be written: the path is too long");
  slot_ = take_slot();
  Slot& slot = slots[slot_];
  std::memcpy(slot.name, name.c_str(), name.size() + 1);
  temporary_ = slot.name;
  slot.named = true;
  descriptor_ = ::open(temporary_, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    const int error = errno;
    release_slot(slot);
    throw FileError(path_, fmt::format("cannot be created: {}", std::strerror(error)));
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_);
  release_slot(slots[slot_]);
}

void AtomicFile::fail(const char* action) {
  throw FileError(path_, fmt::format("cannot be {}: {}", action, std::strerror(errno)));
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("written");
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail("written");
  if (::rename(temporary_, target_.c_str()) != 0) fail("renamed into place");
  ::close(descriptor_);
  descriptor_ = -1;
  release_slot(slots[slot_]);
}

void remove_temporary_files_on_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ}) {
    struct sigaction old {};
    if (::sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = remove_and_raise;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace faltung::tools
