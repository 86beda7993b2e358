#pragma once

#include <compare>
#include <span>
#include <string>
#include <string_view>

/// NVIDIA's libraries that Faltung is not linked with: opened at first use, so that one binary
/// serves machines with and without them.
namespace faltung::cuda {

struct LibraryVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  friend auto operator<=>(const LibraryVersion&, const LibraryVersion&) = default;
};

/// "12.0.0"
[[nodiscard]] std::string to_string(const LibraryVersion& version);

/// Versions that give wrong results whatever the problem; engines know of narrower faults.
struct LibraryFault {
  LibraryVersion first, last;
  std::string_view what;  ///< "9.10.0 is known to be wrong: ..." ends with it
};

/// What is asked of a library.
struct VendorLibrary {
  std::string_view name;      ///< "cuFFT"
  std::string_view variable;  ///< of the environment: the file, and then no other is looked for
  std::string_view stem;      ///< of the file's name, before the major: "libcufft.so."
  std::string_view package;   ///< for pip: "nvidia-cufft"
  /// Function (0, 1 or 2 for the parts of the version, int*) -> int, 0 if it succeeds.
  std::string_view property = {};
  /// Or, where that is empty, function (unsigned* major, unsigned* minor) -> int.
  std::string_view numbers = {};
  std::span<const int> majors =
      {};  ///< that have these functions with these parameters, newest first
  std::span<const std::string_view> folders = {};  ///< variables that name a folder with lib64, lib
  std::span<const std::string_view> functions = {};  ///< that it must have
  std::span<const LibraryFault> faults = {};
};

/// A library that is open, for as long as the process lives, or why it is not: closing one of
/// NVIDIA's libraries is not safe while a device is in use, and other code may share the copy.
class OpenLibrary {
 public:
  /// Looks for it, in this order: the file that the variable names; a copy that the process holds
  /// already, such as PyTorch's; the loader's path and this library's own RUNPATH, which reaches
  /// NVIDIA's wheels beside ours; the folders of the toolkit. The first that opens is checked.
  /// Never throws for what it finds.
  explicit OpenLibrary(const VendorLibrary& wanted);

  [[nodiscard]] explicit operator bool() const { return reason_.empty(); }
  /// For users: what was tried, what was wrong, what to do. Empty if the library can be used.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] const LibraryVersion& version() const { return version_; }
  [[nodiscard]] const std::string& file() const { return file_; }

  /// One of VendorLibrary::functions. The library must be usable.
  template <typename Function>
  void load(const char* function, Function*& pointer) const {
    pointer = reinterpret_cast<Function*>(find(function));
  }

 private:
  [[nodiscard]] void* find(const char* function) const;
  [[nodiscard]] void* open(const VendorLibrary& wanted);
  [[nodiscard]] bool read_version(const VendorLibrary& wanted);
  void check(const VendorLibrary& wanted);

  std::string_view name_;
  void* handle_ = nullptr;
  LibraryVersion version_;
  std::string file_;
  std::string reason_;
};

/// Each opened once in a process, when it is first asked for.
[[nodiscard]] const OpenLibrary& cufft_library();
[[nodiscard]] const OpenLibrary& cublaslt_library();
[[nodiscard]] const OpenLibrary& cudnn_library();
/// The linker for cuFFT's callbacks, of the CUDA that cuFFT is of. cuFFT opens it by its name, and
/// then finds this copy.
[[nodiscard]] const OpenLibrary& nvjitlink_library();

}  // namespace faltung::cuda
