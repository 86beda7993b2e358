// Loaded before the C library: lets the k-th call of the system that touches a file below a folder
// fail, or come back early.
//
//   FALTUNG_FAULT_FOLDER   the folder
//   FALTUNG_FAULT_CALL     k, counted from 1; 0 lets none fail
//   FALTUNG_FAULT_ERRNO    the error, or 0: fewer bytes than asked for
//   FALTUNG_FAULT_FOREVER  1: all later calls fail too
//   FALTUNG_FAULT_NAMED    1: files without a name are not known here, as on some file systems
//   FALTUNG_FAULT_COUNT    a file outside the folder that receives the number of calls

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

long setting(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtol(text, nullptr, 10) : 0;
}

bool watched[1024];
long calls = 0;

enum class Fault { none, error, shorter };

Fault next_fault() {
  ++calls;
  const long chosen = setting("FALTUNG_FAULT_CALL");
  const bool forever = setting("FALTUNG_FAULT_FOREVER") != 0;
  if (chosen == 0 || calls < chosen || (calls > chosen && !forever)) return Fault::none;
  errno = static_cast<int>(setting("FALTUNG_FAULT_ERRNO"));
  return errno == 0 ? Fault::shorter : Fault::error;
}

/// The folder itself counts too: files without a name are made in it.
bool is_below_folder(const char* path) {
  const char* folder = std::getenv("FALTUNG_FAULT_FOLDER");
  if (folder == nullptr) return false;
  const std::size_t length = std::strlen(folder);
  return std::strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

bool is_watched(int file) { return file >= 0 && file < 1024 && watched[file]; }

template <typename F>
F* real(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

std::size_t fewer(std::size_t bytes, Fault fault) {
  return fault == Fault::shorter && bytes > 1 ? bytes / 2 : bytes;
}

struct Report {
  ~Report() {
    const char* path = std::getenv("FALTUNG_FAULT_COUNT");
    if (path == nullptr) return;
    if (std::FILE* file = std::fopen(path, "w")) {
      std::fprintf(file, "%ld", calls);
      std::fclose(file);
    }
  }
} report;

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  if ((flags & O_TMPFILE) == O_TMPFILE && setting("FALTUNG_FAULT_NAMED") != 0) {
    errno = EOPNOTSUPP;
    return -1;
  }
  const bool below = is_below_folder(path);
  if (below && next_fault() == Fault::error) return -1;
  const int file = real<int(const char*, int, ...)>("open")(path, flags, mode);
  if (file >= 0 && file < 1024) watched[file] = below;
  return file;
}

ssize_t pread(int file, void* target, size_t bytes, off_t offset) {
  const Fault fault = is_watched(file) ? next_fault() : Fault::none;
  if (fault == Fault::error) return -1;
  return real<ssize_t(int, void*, size_t, off_t)>("pread")(file, target, fewer(bytes, fault),
                                                           offset);
}

ssize_t write(int file, const void* source, size_t bytes) {
  const Fault fault = is_watched(file) ? next_fault() : Fault::none;
  if (fault == Fault::error) return -1;
  return real<ssize_t(int, const void*, size_t)>("write")(file, source, fewer(bytes, fault));
}

int fsync(int file) {
  if (is_watched(file) && next_fault() == Fault::error) return -1;
  return real<int(int)>("fsync")(file);
}

int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  if (is_below_folder(to) && next_fault() == Fault::error) return -1;
  return real<int(int, const char*, int, const char*, int)>("linkat")(from_folder, from, to_folder,
                                                                      to, flags);
}

int rename(const char* from, const char* to) {
  if (is_below_folder(to) && next_fault() == Fault::error) return -1;
  return real<int(const char*, const char*)>("rename")(from, to);
}

}  // extern "C"
