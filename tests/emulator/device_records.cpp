#include "tests/emulator/device_records.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace faltung::emulator {

const std::vector<DeviceRecord>& device_records() {
  static const std::vector<DeviceRecord> records = [] {
    std::vector<DeviceRecord> list;
    for (const char* name : {"a100", "rtx_3090", "rtx_4090", "h200", "b200", "rtx_5090"}) {
      const GpuMachine machine = *find_gpu_machine(name);
      list.push_back({"emulated " + machine.product,
                      10 * machine.limits.major + machine.limits.minor, machine.limits, machine});
    }
    return list;
  }();
  return records;
}

const DeviceRecord& device_record(int architecture) {
  const auto found = std::ranges::find(device_records(), architecture, &DeviceRecord::architecture);
  if (found == device_records().end()) {
    throw std::out_of_range("no record of a GPU of architecture " + std::to_string(architecture));
  }
  return *found;
}

const DeviceRecord& chosen_record() {
  const char* choice = std::getenv("FALTUNG_EMULATED_GPU");
  return device_record(choice == nullptr ? 90 : std::atoi(choice));
}

}  // namespace faltung::emulator
