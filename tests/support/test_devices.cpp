#include "tests/support/devices.hpp"

namespace faltung::test {

// In a file of its own: a program that defines the list itself does not link this one.
std::span<const TestDevice* const> test_devices() {
  static const TestDevice* const devices[] = {&cpu_device()};
  return devices;
}

}  // namespace faltung::test
