#include <vector>

#include "tests/support/devices.hpp"

namespace faltung::test {

// In a file of its own: a program that defines the list itself does not link this one.
std::span<const TestDevice* const> test_devices() {
  static const std::vector<const TestDevice*> devices = [] {
    std::vector<const TestDevice*> list = {&cpu_device()};
    if (gpu_device() != nullptr) list.push_back(gpu_device());
    return list;
  }();
  return devices;
}

}  // namespace faltung::test
