#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace faltung::tools {

/// A regular file open for reading. Its length is known, so what a header claims can be checked
/// before any memory is taken.
class InputFile {
 public:
  /// @throws FileError if it cannot be opened or is a directory, pipe or device.
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
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace faltung::tools
