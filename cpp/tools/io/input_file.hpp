#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace faltung::tools {

/// Something open for reading whose length is known, so what a header claims can be checked before
/// any memory is taken.
///
/// A regular file is read where and when it is asked for. What comes through a pipe is read to its
/// end and held in memory first. "-" is standard input.
class InputFile {
 public:
  /// @throws FileError if it cannot be opened or read, or is a folder, a terminal or a device.
  explicit InputFile(const std::string& path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Fills `target` with the bytes from `offset` on.
  ///
  /// @throws FileError if reading fails or the file ends early.
  void read(std::uint64_t offset, std::span<std::byte> target) const;
  [[nodiscard]] std::vector<std::byte> read_all() const;

 private:
  void read_to_end();

  std::string path_;
  int descriptor_ = -1;
  std::uint64_t start_ = 0;  ///< where the shell left a redirected file
  std::uint64_t size_ = 0;
  bool piped_ = false;
  std::vector<std::byte> contents_;  ///< of a pipe
};

}  // namespace faltung::tools
