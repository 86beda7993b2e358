#pragma once

#include <cstddef>
#include <string>
#include <cstdint>

#include "tests/emulator/host_runtime.hpp"

// The host functions of the CUDA runtime that our own host code calls. Kernels run when they are
// launched; copies and fills that the documentation lets end later do so at the last moment that it
// allows (tests/emulator/host_runtime.hpp). Device memory is poisoned, and unset until something
// writes it.

#define CUDART_VERSION 13000

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
enum cudaStreamCaptureStatus {
  cudaStreamCaptureStatusNone = 0,
  cudaStreamCaptureStatusActive = 1,
  cudaStreamCaptureStatusInvalidated = 2,
};
enum cudaDriverEntryPointQueryResult {
  cudaDriverEntryPointSuccess = 0,
  cudaDriverEntryPointSymbolNotFound = 1,
};
inline constexpr unsigned long long cudaEnableDefault = 0;
using cudaStream_t = struct CUstream_st*;
using cudaMemPool_t = struct CUmemPoolHandle_st*;

enum cudaDeviceAttr {
  cudaDevAttrMaxThreadsPerBlock = 1,
  cudaDevAttrMaxSharedMemoryPerBlock = 8,
  cudaDevAttrMaxRegistersPerBlock = 12,
  cudaDevAttrClockRate = 13,
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrMemoryClockRate = 36,
  cudaDevAttrGlobalMemoryBusWidth = 37,
  cudaDevAttrL2CacheSize = 38,
  cudaDevAttrMaxThreadsPerMultiProcessor = 39,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor = 81,
  cudaDevAttrMaxRegistersPerMultiprocessor = 82,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
  cudaDevAttrMaxBlocksPerMultiprocessor = 106,
  cudaDevAttrReservedSharedMemoryPerBlock = 111,
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
struct cudaFuncAttributes {
  std::size_t sharedSizeBytes;
  int maxThreadsPerBlock;
  int numRegs;
  int maxDynamicSharedSizeBytes;
};

enum cudaMemAllocationType { cudaMemAllocationTypePinned = 1 };
enum cudaMemLocationType { cudaMemLocationTypeDevice = 1 };
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold = 4 };
struct cudaMemLocation {
  cudaMemLocationType type;
  int id;
};
struct cudaMemPoolProps {
  cudaMemAllocationType allocType;
  cudaMemLocation location;
};

struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  std::size_t sharedMemPerBlockOptin;
  int major, minor;
  int multiProcessorCount;
  int l2CacheSize;
};

inline constexpr unsigned cudaStreamNonBlocking = 1;

namespace faltung::emulator {

/// The machine that the host functions find; tests change it to see what the library makes of it.
struct Machine {
  cudaError_t driver = cudaSuccess;  ///< what every call answers, if it is an error
  int driver_version = 13000;            ///< as cudaDriverGetVersion; 0 where none is installed
  int devices = 1;
  std::string name = chosen_record().name;             ///< of each device, as what follows
  faltung::GpuLimits limits = chosen_record().limits;
  int clock_khz = static_cast<int>(chosen_record().machine.sheet_clock_mhz * 1e3);
  int memory_khz = 2'000'000;  ///< as wide a bus as gives the record's bandwidth
  int bus_bits = static_cast<int>(chosen_record().machine.sheet_memory_bytes_per_us / 4000 * 8);
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

cudaError_t cudaMalloc(void** pointer, std::size_t bytes);
cudaError_t cudaFree(void* pointer);
cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaMallocFromPoolAsync(void** pointer, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream);
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream);
cudaError_t cudaMemset(void* pointer, int value, std::size_t bytes);
cudaError_t cudaMemsetAsync(void* pointer, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
/// A Capture is of all streams.
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status);
cudaError_t cudaDeviceSynchronize();

/// Knows the functions that make tensor maps.
cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned version,
                                             unsigned long long flags,
                                             cudaDriverEntryPointQueryResult* found);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
/// Static shared memory is what earlier launches of the kernel met.
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel);
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value);

template <typename T>
cudaError_t cudaMalloc(T** pointer, std::size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(pointer), bytes);
}
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
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = faltung::emulator::machine.driver_version;
  return cudaSuccess;  // as the real one, with 0 where no driver is installed
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
