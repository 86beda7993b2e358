#include "cpp/tools/io/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

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

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// A file without a name can be given one through this link only.
std::string link_of(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

}  // namespace

OutputFile::OutputFile(const std::string& path, std::span<const std::string_view> endings)
    : path_(path), target_(resolve_output(path)) {
  if (target_.stream) {
    open_stream();
    return;
  }
  ending_ = lower(std::filesystem::path(path).extension().string());
  check_ending(endings);
  open_temporary();
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  if (temporary_ != nullptr && !nameless_) ::unlink(temporary_);
  close();
}

void OutputFile::fail(const char* action) const {
  throw FileError(path_, fmt::format("cannot be {}: {}", action, std::strerror(errno)));
}

void OutputFile::check_ending(std::span<const std::string_view> endings) const {
  if (endings.size() == 0 || std::find(endings.begin(), endings.end(), ending_) != endings.end()) {
    return;
  }
  throw FileError(path_, fmt::format("cannot be written: ending '{}'; the result is written to {}",
                                     ending_, fmt::join(endings, ", ")));
}

void OutputFile::open_stream() {
  // A descriptor is used itself: opening its link anew would lose its position.
  descriptor_ = target_.inherited ? ::fcntl(*target_.inherited, F_DUPFD_CLOEXEC, 3)
                                  : ::open(target_.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor_ < 0) fail("written");
  const bool reads_only = (::fcntl(descriptor_, F_GETFL) & O_ACCMODE) == O_RDONLY;
  const bool terminal = ::isatty(descriptor_) == 1;
  if (!reads_only && !terminal) return;
  ::close(std::exchange(descriptor_, -1));
  throw FileError(path_, reads_only ? "cannot be written: it is open for reading only"
                                    : "cannot be written: it is a terminal, and results are "
                                      "binary; redirect it or name a file");
}

void OutputFile::open_temporary() {
  const std::string folder = std::filesystem::path(target_.path).parent_path().string();
  choose_name(folder);
  // What is private stays so from its first byte on; the mode of new files is left to the umask.
  const unsigned mode = target_.exists ? 0600 : 0666;
  try {
    if (!open_nameless(folder.empty() ? "." : folder, mode)) open_named(mode);
  } catch (...) {
    slots[slot_].taken = false;
    throw;
  }
  if (target_.exists) hand_on_mode();
}

void OutputFile::choose_name(const std::string& folder) {
  static std::atomic<unsigned> counter{0};
  const std::string name = fmt::format("{}.faltung-{}-{}.tmp", folder.empty() ? "" : folder + "/",
                                       ::getpid(), counter++);
  if (name.size() >= PATH_MAX) throw FileError(path_, "cannot be written: the path is too long");
  slot_ = take_slot();
  std::memcpy(slots[slot_].name, name.c_str(), name.size() + 1);
  temporary_ = slots[slot_].name;
}

/// False if this file system or kernel has no files without a name.
bool OutputFile::open_nameless(const std::string& folder, unsigned mode) {
  descriptor_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  if (descriptor_ < 0) {
    if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOSYS) return false;
    fail("created");
  }
  nameless_ = ::access(link_of(descriptor_).c_str(), F_OK) == 0;
  if (!nameless_) ::close(std::exchange(descriptor_, -1));  // no /proc here
  return nameless_;
}

void OutputFile::open_named(unsigned mode) {
  Slot& slot = slots[slot_];
  slot.named = true;
  descriptor_ = ::open(temporary_, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor_ >= 0) return;
  slot.named = false;
  fail("created");
}

/// The owner first: changing it takes bits of the mode away. Who may not set the group must not let
/// another group read what the old one could.
void OutputFile::hand_on_mode() const {
  const struct stat& old = target_.status;
  mode_t mode = old.st_mode & 07777;
  struct stat now {};
  if (::fstat(descriptor_, &now) != 0) return;
  if (now.st_uid != old.st_uid || now.st_gid != old.st_gid) {
    if (::fchown(descriptor_, old.st_uid, old.st_gid) != 0 &&
        ::fchown(descriptor_, static_cast<uid_t>(-1), old.st_gid) != 0) {
      mode &= static_cast<mode_t>(~(06000u | 0070u)) | (mode & 0007u) << 3;
    }
  }
  // Some file systems have no modes; the result is then readable as they make it.
  if (::fchmod(descriptor_, mode) != 0) return;
}

void OutputFile::write(const void* data, std::size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("written");
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void OutputFile::commit() {
  // Pipes and devices have nothing to make durable.
  const bool synced = ::fsync(descriptor_) == 0;
  if (!synced && !(target_.stream && (errno == EINVAL || errno == EROFS))) fail("written");
  if (!target_.stream) move_into_place();
  close();
}

void OutputFile::move_into_place() {
  const char* target = target_.path.c_str();
  if (nameless_) {
    const std::string link = link_of(descriptor_);
    const auto give_name = [&](const char* name) {
      return ::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
    };
    if (!target_.exists && give_name(target)) return;
    if (!target_.exists && errno != EEXIST) fail("put in its place");
    // A link cannot replace a file, so the new one gets a name for the moment until it does.
    slots[slot_].named = true;
    if (!give_name(temporary_)) fail("put in its place");
    nameless_ = false;
  }
  if (::rename(temporary_, target) != 0) fail("put in its place");
  temporary_ = nullptr;
}

void OutputFile::close() {
  ::close(std::exchange(descriptor_, -1));
  if (target_.stream) return;
  slots[slot_].named = false;
  slots[slot_].taken = false;
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
