#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>

#include "cuda/runtime/cufft.hpp"

/// What tests ask of the library that stands in for cuFFT, which FALTUNG_CUFFT_LIBRARY names.
namespace faltung::test {

struct CufftStandin {
  void (*fail)(const char* function, int nth, int status) = nullptr;  ///< see Calls
  int (*calls)(const char* function) = nullptr;
  int (*open_plans)() = nullptr;
  cuda::cufft::Functions raw;  ///< its own functions
  cuda::cufft::SetCallback* set_callback = nullptr;
};

inline const CufftStandin& cufft_standin() {
  static const CufftStandin standin = [] {
    const char* file = std::getenv("FALTUNG_CUFFT_LIBRARY");
    void* handle = file == nullptr ? nullptr : dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      throw std::runtime_error(
          "FALTUNG_CUFFT_LIBRARY must name the library of tests/cuda/standins");
    }
    const auto load = [&]<typename F>(const char* name, F*& pointer) {
      pointer = reinterpret_cast<F*>(dlsym(handle, name));
      if (pointer == nullptr) throw std::runtime_error(name);
    };
    CufftStandin found;
    load("standin_cufft_fail", found.fail);
    load("standin_cufft_calls", found.calls);
    load("standin_cufft_open_plans", found.open_plans);
    load("cufftCreate", found.raw.create);
    load("cufftDestroy", found.raw.destroy);
    load("cufftSetAutoAllocation", found.raw.set_auto_allocation);
    load("cufftSetStream", found.raw.set_stream);
    load("cufftSetWorkArea", found.raw.set_work_area);
    load("cufftXtMakePlanMany", found.raw.make_plan_many);
    load("cufftXtExec", found.raw.exec);
    load("cufftXtSetJITCallback", found.set_callback);
    return found;
  }();
  return standin;
}

}  // namespace faltung::test
