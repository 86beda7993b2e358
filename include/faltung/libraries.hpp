#pragma once

#include <string>
#include <vector>

#include <faltung/export.hpp>

namespace faltung {

/// One of NVIDIA's libraries, which are opened at run time and may be missing.
struct LibraryInfo {
  std::string name;     ///< "cuFFT"
  std::string version;  ///< "12.0.0"; empty if it cannot be used
  std::string file;     ///< where it lies; empty if it was not found
  std::string reason;   ///< why it cannot be used, and what to do; empty if it can
};

/// The libraries of NVIDIA that this build asks for, opened if they were not. None in a build
/// without CUDA. Never throws for one that is missing or wrong.
[[nodiscard]] FALTUNG_API std::vector<LibraryInfo> vendor_libraries();

}  // namespace faltung
