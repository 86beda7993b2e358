#pragma once

#include <cstddef>
#include <string>

namespace faltung::tools {

/// An output file that appears complete or not at all.
///
/// Bytes go to a hidden temporary file in the same folder; `commit` renames it over `path`. Without
/// `commit` the destructor removes it, and an older file at `path` stays as it was. Errors say what
/// failed for `path`, never for the temporary name.
class AtomicFile {
 public:
  /// @throws FileError if the folder is missing or not writable, or `path` names anything but a
  ///         regular file or nothing.
  explicit AtomicFile(const std::string& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// @throws FileError if the bytes cannot be written.
  void write(const void* data, std::size_t bytes);
  /// @throws FileError if the bytes cannot be made durable or the file cannot be renamed.
  void commit();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  [[noreturn]] void fail(const char* action);

  std::string path_;
  std::string target_;    ///< `path` with symbolic links resolved
  std::size_t slot_ = 0;  ///< where the temporary name is kept for the signal handler
  const char* temporary_ = "";
  int descriptor_ = -1;
};

/// Lets SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE and SIGXFSZ remove the temporary files of every
/// AtomicFile before they end the process as usual. Signals that the parent ignores stay ignored.
void remove_temporary_files_on_signals();

}  // namespace faltung::tools
