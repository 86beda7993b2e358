#pragma once

#include <cstddef>

// The host functions of the CUDA runtime that our own host code calls. Streams are ignored: work is
// done when the call returns. Device memory is poisoned, and unset until something writes it.

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
};
enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault,
};
enum cudaDriverEntryPointQueryResult {
  cudaDriverEntryPointSuccess = 0,
  cudaDriverEntryPointSymbolNotFound = 1,
};
inline constexpr unsigned long long cudaEnableDefault = 0;
using cudaStream_t = struct CUstream_st*;

namespace faltung::emulator {

/// The machine that the host functions find; tests change it to see what the library makes of it.
struct Machine {
  cudaError_t driver = cudaSuccess;  ///< what every call answers, if it is an error
  int devices = 1;
  int major = 9;  ///< compute capability
  int current = 0;
  cudaError_t last = cudaSuccess;  ///< what cudaGetLastError answers, and forgets
};
inline Machine machine;

/// An answer of a host function, which the thread remembers if it is an error.
inline cudaError_t answer(cudaError_t error) {
  if (machine.driver != cudaSuccess) error = machine.driver;
  if (error != cudaSuccess) machine.last = error;
  return error;
}

}  // namespace faltung::emulator

struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  std::size_t sharedMemPerBlockOptin;
  int major, minor;
  int multiProcessorCount;
  int l2CacheSize;
};

cudaError_t cudaMalloc(void** pointer, std::size_t bytes);
cudaError_t cudaFree(void* pointer);
cudaError_t cudaMemset(void* pointer, int value, std::size_t bytes);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
/// Knows the functions that make tensor maps.
cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned version,
                                             unsigned long long flags,
                                             cudaDriverEntryPointQueryResult* found);
/// An H200, so that launch code chooses as it would there.
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);

template <typename T>
cudaError_t cudaMalloc(T** pointer, std::size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(pointer), bytes);
}
inline cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t) {
  return cudaMalloc(pointer, bytes);
}
inline cudaError_t cudaFreeAsync(void* pointer, cudaStream_t) { return cudaFree(pointer); }
inline cudaError_t cudaMemsetAsync(void* pointer, int value, std::size_t bytes, cudaStream_t) {
  return cudaMemset(pointer, value, bytes);
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes,
                                   cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError_t cudaPeekAtLastError() { return faltung::emulator::machine.last; }
inline cudaError_t cudaGetLastError() {
  const cudaError_t error = faltung::emulator::machine.last;
  faltung::emulator::machine.last = cudaSuccess;
  return error;
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  const bool none = faltung::emulator::machine.devices == 0;
  const cudaError_t error = faltung::emulator::answer(none ? cudaErrorNoDevice : cudaSuccess);
  if (error == cudaSuccess) *count = faltung::emulator::machine.devices;
  return error;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = faltung::emulator::machine.current;
  return faltung::emulator::answer(cudaSuccess);
}
inline cudaError_t cudaSetDevice(int device) {
  const bool known = device >= 0 && device < faltung::emulator::machine.devices;
  const cudaError_t error =
      faltung::emulator::answer(known ? cudaSuccess : cudaErrorInvalidDevice);
  if (error == cudaSuccess) faltung::emulator::machine.current = device;
  return error;
}
inline const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
  }
  return "unknown error";
}
inline const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }
