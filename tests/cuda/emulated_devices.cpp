#include "cuda/engine_list.hpp"
#include "tests/emulator/emulated_device.hpp"

#include <cstdlib>

namespace faltung::test {
namespace {

// The libraries themselves have nothing to say where there is no driver.
[[maybe_unused]] const int stand_in[] = {
    setenv("FALTUNG_CUFFT_LIBRARY", FALTUNG_CUFFT_STANDIN, 0),
    setenv("FALTUNG_CUBLASLT_LIBRARY", FALTUNG_CUBLASLT_STANDIN, 0),
    setenv("FALTUNG_CUDNN_LIBRARY", FALTUNG_CUDNN_STANDIN, 0),
    setenv("FALTUNG_CACHE_DIR", "", 0)};  // no test depends on another's files

}  // namespace

// In programs that link this file, every CUDA engine is tested on the emulator.
std::span<const TestDevice* const> test_devices() {
  static const emulator::EmulatedDevice emulated(cuda::engine_list());
  static const TestDevice* const devices[] = {&emulated};
  return devices;
}

}  // namespace faltung::test
