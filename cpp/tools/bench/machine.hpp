#pragma once

#include <nlohmann/json_fwd.hpp>

#include <faltung/device.hpp>

namespace faltung::bench {

/// What a reader must know about the machine and the build: name, details, date, commit, version,
/// compiler, threads.
///
/// @throws DeviceError if the device is not usable here.
[[nodiscard]] nlohmann::ordered_json describe_machine(const Device& device);

}  // namespace faltung::bench
