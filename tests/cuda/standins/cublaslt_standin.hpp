#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>

#include "cuda/runtime/cublaslt.hpp"

/// What tests ask of the library that stands in for cuBLASLt, which FALTUNG_CUBLASLT_LIBRARY names.
namespace faltung::test {

struct CublasltStandin {
  void (*fail)(const char* function, int nth, int status) = nullptr;  ///< see Calls
  int (*calls)(const char* function) = nullptr;
  int (*open)() = nullptr;        ///< descriptions that were not destroyed yet
  cuda::cublaslt::Functions raw;  ///< its own functions
};

inline const CublasltStandin& cublaslt_standin() {
  static const CublasltStandin standin = [] {
    const char* file = std::getenv("FALTUNG_CUBLASLT_LIBRARY");
    void* handle = file == nullptr ? nullptr : dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      throw std::runtime_error(
          "FALTUNG_CUBLASLT_LIBRARY must name the library of tests/cuda/standins");
    }
    const auto load = [&]<typename F>(const char* name, F*& pointer) {
      pointer = reinterpret_cast<F*>(dlsym(handle, name));
      if (pointer == nullptr) throw std::runtime_error(name);
    };
    CublasltStandin found;
    load("standin_cublaslt_fail", found.fail);
    load("standin_cublaslt_calls", found.calls);
    load("standin_cublaslt_open", found.open);
    cuda::cublaslt::for_each_function(found.raw, load);
    return found;
  }();
  return standin;
}

}  // namespace faltung::test
