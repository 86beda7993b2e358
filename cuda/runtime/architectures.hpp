#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "cpp/core/message.hpp"

namespace faltung::cuda {

/// Code for one architecture, as CMAKE_CUDA_ARCHITECTURES names it: `90a-real`, `120-virtual`,
/// `80`. Which devices run which code: CUDA C++ Programming Guide, "Binary Compatibility", "PTX
/// Compatibility" and "Family-Specific Features".
struct ArchitectureCode {
  int major = 0;
  int minor = 0;
  char feature = ' ';   ///< a: this architecture alone; f: its family, the newer ones of its major
  bool machine = true;  ///< machine code, for the same major and no older minor
  bool ptx = true;      ///< text that the driver compiles, for every newer device

  /// Of one entry of the list.
  static ArchitectureCode parse(std::string_view entry) {
    ArchitectureCode code;
    int number = 0;
    const auto [rest, error] = std::from_chars(entry.data(), entry.data() + entry.size(), number);
    (void)error;
    code.major = number / 10;
    code.minor = number % 10;
    const std::string_view suffix = entry.substr(static_cast<std::size_t>(rest - entry.data()));
    if (suffix.starts_with('a') || suffix.starts_with('f')) code.feature = suffix.front();
    code.machine = !suffix.ends_with("-virtual");
    code.ptx = !suffix.ends_with("-real");
    return code;
  }

  [[nodiscard]] bool runs_on(int device_major, int device_minor) const {
    const bool same_major = device_major == major;
    if (feature == 'a') return same_major && device_minor == minor;
    if (same_major && device_minor >= minor) return true;
    return ptx && feature == ' ' && device_major > major;
  }
};

/// The entries of a list separated by commas.
inline std::vector<ArchitectureCode> architectures_of(std::string_view list) {
  std::vector<ArchitectureCode> result;
  while (!list.empty()) {
    const std::size_t end = list.find(',');
    if (end != 0) result.push_back(ArchitectureCode::parse(list.substr(0, end)));
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return result;
}

/// For users: "8.0, 8.6 and 12.0, PTX of 12.0".
inline std::string describe_architectures(std::string_view list) {
  std::string text;
  for (const bool ptx : {false, true}) {
    for (const ArchitectureCode& code : architectures_of(list)) {
      if (!(ptx ? code.ptx : code.machine)) continue;
      if (!text.empty()) text += ", ";
      text += message(ptx ? "PTX of " : "", code.major, '.', code.minor);
      if (code.feature != ' ') text += code.feature;
    }
  }
  return text;
}

/// Why a library that carries this list cannot run on a device of this compute capability; empty if
/// it can.
inline std::string no_code_for(std::string_view list, int major, int minor) {
  for (const ArchitectureCode& code : architectures_of(list)) {
    if (code.runs_on(major, minor)) return {};
  }
  const std::string own = message("has compute capability ", major, '.', minor);
  if (major < 8) return message(own, ", the CUDA engines need 8.0 or newer; use the CPU");
  return message(own, ", this library carries code for ", describe_architectures(list),
                 " alone; build it with -DCMAKE_CUDA_ARCHITECTURES=", major, minor,
                 major == 9 && minor == 0 ? "a" : "",
                 "-real or with the preset package, or use the CPU");
}

}  // namespace faltung::cuda
