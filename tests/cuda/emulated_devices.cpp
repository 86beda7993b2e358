#include "cuda/engine_list.hpp"
#include "tests/emulator/emulated_device.hpp"

namespace faltung::test {

// In programs that link this file, every CUDA engine is tested on the emulator.
std::span<const TestDevice* const> test_devices() {
  static const emulator::EmulatedDevice emulated(cuda::engine_list());
  static const TestDevice* const devices[] = {&emulated};
  return devices;
}

}  // namespace faltung::test
