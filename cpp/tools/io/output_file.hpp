#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "cpp/tools/io/output_target.hpp"

namespace faltung::tools {

/// Where a result goes: a file that appears complete or not at all, or a stream.
///
/// A regular file is written beside its name and put in its place by `commit`; without `commit` the
/// destructor removes what was written, and an older file stays as it was. Where the file system
/// can (O_TMPFILE), the new file has no name before that, so not even SIGKILL leaves one; elsewhere
/// it is called `.faltung-PID-N.tmp`. A file that is replaced hands on its mode, and its owner and
/// group where the system allows; hard links to it keep the old contents.
///
/// Pipes, terminals' devices and descriptors of this process are written as they are: "-",
/// /dev/stdout, /dev/fd/N, a FIFO. A redirected file is then appended to, never replaced.
///
/// Errors say what failed for `path`, never for a temporary name.
class OutputFile {
 public:
  /// Everything that can be known before the work is checked here.
  ///
  /// @param endings  those the name may have, ".png" and ".npy", in any case; none: all may.
  ///                 Streams have none and are not asked
  /// @throws FileError if the ending is another; if the name is too long or a folder's, the folder
  ///         is missing or not writable, the file that is there may not be written, or the stream
  ///         is a terminal.
  explicit OutputFile(const std::string& path, std::span<const std::string_view> endings = {});
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  /// @throws FileError if the bytes cannot be written.
  void write(const void* data, std::size_t bytes);
  /// @throws FileError if the bytes cannot be made durable or the file cannot be put in its place.
  void commit();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// In lower case with its dot, ".png"; "" for streams and names without one.
  [[nodiscard]] const std::string& ending() const noexcept { return ending_; }

 private:
  [[noreturn]] void fail(const char* action) const;
  void check_ending(std::span<const std::string_view> endings) const;
  void open_stream();
  void open_temporary();
  [[nodiscard]] bool open_nameless(const std::string& folder, unsigned mode);
  void open_named(unsigned mode);
  void hand_on_mode() const;
  void choose_name(const std::string& folder);
  void move_into_place();
  void close();

  std::string path_;
  std::string ending_;
  OutputTarget target_;
  std::size_t slot_ = 0;  ///< where the temporary name is kept for the signal handler
  const char* temporary_ = nullptr;
  bool nameless_ = false;  ///< the file has no name yet
  int descriptor_ = -1;
};

/// Lets SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE and SIGXFSZ remove the temporary files of every
/// OutputFile before they end the process as usual. Signals that the parent ignores stay ignored.
void remove_temporary_files_on_signals();

}  // namespace faltung::tools
