#pragma once

#include <span>
#include <string_view>

#include "cuda/runtime/device_limits.hpp"

namespace faltung::emulator {

/// A GPU whose limits the executor keeps to.
struct DeviceRecord {
  std::string_view name;
  int architecture;  ///< 10 major + minor
  cuda::DeviceLimits limits;
};

/// One for each architecture that the library has code for.
/// Source: CUDA C++ Programming Guide 13.0, "Technical Specifications per Compute Capability"; the
/// number of multiprocessors is that of the product.
[[nodiscard]] std::span<const DeviceRecord> device_records();

/// @throws std::out_of_range if there is none
[[nodiscard]] const DeviceRecord& device_record(int architecture);

/// That of FALTUNG_EMULATED_GPU in the environment, an architecture such as 86; else an H200.
[[nodiscard]] const DeviceRecord& chosen_record();

}  // namespace faltung::emulator
