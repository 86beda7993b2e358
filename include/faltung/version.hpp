#pragma once

#include <string_view>

#include <faltung/export.hpp>

/// The version of these headers, for #if. Before 1.0 every minor version may break the interface.
#define FALTUNG_VERSION_MAJOR 0
#define FALTUNG_VERSION_MINOR 1
#define FALTUNG_VERSION_PATCH 0

namespace faltung {

/// "0.1.0": the version of the library that the program runs with, which a shared library may
/// change after the program was compiled.
[[nodiscard]] FALTUNG_API std::string_view version() noexcept;

/// What the library was built with. A device or library may still be missing where it runs:
/// `devices()` and `engine_names()` tell. CMake users find the first in the variable
/// faltung_HAS_CUDA, set by find_package(faltung) and by add_subdirectory.
struct BuildFeatures {
  bool cuda = false;  ///< CUDA engines
  bool simd = false;  ///< vector kernels (Highway): without, cpu.direct is slow, cpu.gemm missing
  bool threads = false;  ///< oneTBB; without it each run starts threads of its own
};
/// Of the library that the program runs with.
[[nodiscard]] FALTUNG_API BuildFeatures build_features() noexcept;

}  // namespace faltung
