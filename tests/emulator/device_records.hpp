#pragma once

#include <string>
#include <vector>

#include <faltung/machine.hpp>

namespace faltung::emulator {

/// A GPU whose limits the executor keeps to.
struct DeviceRecord {
  std::string name;
  int architecture;  ///< 10 major + minor
  GpuLimits limits;
  GpuMachine machine;
};

/// One for each architecture that the library has code for: a machine that it ships.
[[nodiscard]] const std::vector<DeviceRecord>& device_records();

/// @throws std::out_of_range if there is none
[[nodiscard]] const DeviceRecord& device_record(int architecture);

/// That of FALTUNG_EMULATED_GPU in the environment, an architecture such as 86; else an H200.
[[nodiscard]] const DeviceRecord& chosen_record();

}  // namespace faltung::emulator
