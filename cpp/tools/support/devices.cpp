#include "cpp/tools/support/devices.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace faltung::tools {

void add_device_option(CLI::App& command, std::string& text) {
  command.add_option("--device", text, "auto (the first GPU if there is one), cpu or cuda:N")
      ->capture_default_str();
}

std::vector<Device> devices_to_try(const std::string& text) {
  const std::vector<DeviceInfo> present = devices();
  const auto is_here = [&](const Device& device) {
    return std::ranges::any_of(present,
                               [&](const DeviceInfo& info) { return info.device == device; });
  };
  if (text == "auto") {
    if (is_here(Device::cuda(0))) return {Device::cuda(0), Device::cpu()};
    return {Device::cpu()};
  }
  const Device device = Device::parse(text);
  if (!is_here(device)) {
    const std::string reason = cuda_unavailable_reason();
    std::string list;
    for (const DeviceInfo& info : present) list += fmt::format(" {}", to_string(info.device));
    throw InvalidProblem(fmt::format("--device {}: no such device{}{}; here are:{}", text,
                                     reason.empty() ? "" : ": ", reason, list));
  }
  return {device};
}

}  // namespace faltung::tools
