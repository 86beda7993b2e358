#include "cuda/engine_list.hpp"
#include "tests/emulator/emulated_device.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <vector>

namespace faltung::test {
namespace {

// The libraries themselves have nothing to say where there is no driver.
[[maybe_unused]] const int stand_in[] = {
    setenv("FALTUNG_CUFFT_LIBRARY", FALTUNG_CUFFT_STANDIN, 0),
    setenv("FALTUNG_NVJITLINK_LIBRARY", FALTUNG_CUFFT_STANDIN, 0),
    setenv("FALTUNG_CUBLASLT_LIBRARY", FALTUNG_CUBLASLT_STANDIN, 0),
    setenv("FALTUNG_CUDNN_LIBRARY", FALTUNG_CUDNN_STANDIN, 0),
    setenv("FALTUNG_CACHE_DIR", "", 0)};  // no test depends on another's files

/// Those whose library is there: cuDNN's own, of which a stand-in replaces but a part, may be
/// missing.
std::vector<const Engine*> engines_to_test() {
  std::vector<const Engine*> engines(cuda::engine_list().begin(), cuda::engine_list().end());
  if (!std::filesystem::exists(FALTUNG_CUDNN_STANDIN)) {
    std::cout << "NOT RUN: cuda.cudnn, as cuDNN was not found when the tests were configured\n";
    std::erase_if(engines, [](const Engine* engine) { return engine->name() == "cuda.cudnn"; });
  }
  return engines;
}

}  // namespace

// In programs that link this file, every CUDA engine is tested on the emulator.
std::span<const TestDevice* const> test_devices() {
  static const std::vector<const Engine*> engines = engines_to_test();
  static const emulator::EmulatedDevice emulated(engines);
  static const TestDevice* const devices[] = {&emulated};
  return devices;
}

}  // namespace faltung::test
