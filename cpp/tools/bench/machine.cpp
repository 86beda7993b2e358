#include "cpp/tools/bench/machine.hpp"

#include <ctime>
#include <nlohmann/json.hpp>
#include <thread>

#include <faltung/error.hpp>

namespace faltung::bench {
namespace {

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[11];
  return std::strftime(text, sizeof(text), "%Y-%m-%d", &parts) == 10 ? text : "";
}

}  // namespace

nlohmann::ordered_json describe_machine(const Device& device) {
  for (const DeviceInfo& info : devices()) {
    if (info.device != device) continue;
    return {{"name", info.name},
            {"details", info.details},
            {"device", to_string(device)},
            {"date", today()},
            {"commit", FALTUNG_COMMIT},
            {"compiler", __VERSION__},
            {"threads", std::thread::hardware_concurrency()}};
  }
  throw DeviceError("cannot use " + to_string(device) + ": " + cuda_unavailable_reason());
}

}  // namespace faltung::bench
