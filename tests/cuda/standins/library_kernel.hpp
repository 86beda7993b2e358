#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include <faltung/half.hpp>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/kernel_resources.hpp"

/// What a library that stands in for another has for kernels.
namespace faltung::test {

/// Stands for them where the emulator asks whether one was loaded.
inline void library_kernel() {}

/// Lets the emulator know it, as a library that has loaded its kernels.
inline void load_library_kernel(const emulator::KernelResources& resources) {
  const auto* function = reinterpret_cast<const void*>(library_kernel);
  emulator::set_resources(function, resources);
  cudaFuncAttributes attributes{};
  (void)cudaFuncGetAttributes(&attributes, function);
}

/// Calls compute() in a stream's order, as a kernel of one thread.
template <typename F>
void launch_library_kernel(const char* name, cudaStream_t stream, const F& compute) {
  emulator::launch({.kernel = name,
                    .function = reinterpret_cast<const void*>(library_kernel),
                    .grid = 1,
                    .block = 1,
                    .cluster = 1,
                    .shared_bytes = 0,
                    .stream = stream},
                   compute);
}

/// Calls f(zero of the type), of the types that cuBLASLt and cuDNN number each in its own way.
template <typename Type, typename F>
decltype(auto) visit_number(Type type, F&& f) {
  if constexpr (requires { Type::i8; }) {
    if (type == Type::i8) return f(std::int8_t{});
    if (type == Type::i32) return f(std::int32_t{});
  }
  switch (type) {
    case Type::f64:
      return f(double{});
    case Type::f16:
      return f(Half{});
    case Type::bf16:
      return f(BFloat16{});
    default:
      return f(float{});
  }
}

}  // namespace faltung::test
