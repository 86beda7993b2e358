#pragma once

#include <string>
#include <vector>

#include <faltung/device.hpp>

namespace faltung::tools::demo {

struct DemoOptions {
  std::string folder;           ///< where index.html goes; made if it is missing
  std::string image;            ///< a PNG picture
  std::string sound;            ///< a sound file
  std::vector<Device> devices;  ///< to be tried in turn for each problem
};

/// Computes every section, says each in a line on stdout, and writes the page.
///
/// @returns whether every result is within its error bound
/// @throws FileError if a file cannot be read or written, NoEngine and DeviceError as Plan does.
[[nodiscard]] bool run_demo(const DemoOptions& options);

}  // namespace faltung::tools::demo
