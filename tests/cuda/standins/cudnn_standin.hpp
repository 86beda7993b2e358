#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>

#include "cuda/runtime/cudnn.hpp"

/// What tests ask of the library that stands in for cuDNN, which FALTUNG_CUDNN_LIBRARY names.
namespace faltung::test {

struct CudnnStandin {
  void (*fail)(const char* function, int nth, int status) = nullptr;  ///< see Calls
  int (*calls)(const char* function) = nullptr;
  int (*open)() = nullptr;  ///< descriptors that were not destroyed yet
};

/// Whether there is one: it rests on cuDNN itself, which need not be installed.
inline bool has_cudnn_standin() {
  const char* file = std::getenv("FALTUNG_CUDNN_LIBRARY");
  return file != nullptr && dlopen(file, RTLD_NOW | RTLD_LOCAL) != nullptr;
}

inline const CudnnStandin& cudnn_standin() {
  static const CudnnStandin standin = [] {
    void* handle = dlopen(std::getenv("FALTUNG_CUDNN_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
    const auto load = [&]<typename F>(const char* name, F*& pointer) {
      pointer = handle == nullptr ? nullptr : reinterpret_cast<F*>(dlsym(handle, name));
      if (pointer == nullptr) throw std::runtime_error(name);
    };
    CudnnStandin found;
    load("standin_cudnn_fail", found.fail);
    load("standin_cudnn_calls", found.calls);
    load("standin_cudnn_open", found.open);
    return found;
  }();
  return standin;
}

}  // namespace faltung::test

/// For tests that cannot run without it, aloud.
#define FALTUNG_NEEDS_CUDNN()                                                      \
  if (!::faltung::test::has_cudnn_standin()) {                                     \
    std::printf("NOT RUN: cuDNN was not found when the tests were configured\n");  \
    GTEST_SKIP() << "NOT RUN: cuDNN was not found when the tests were configured"; \
  }                                                                                \
  static_assert(true)
