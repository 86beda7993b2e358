#pragma once

#include <cuda_runtime.h>

#include <new>
#include <span>

#include "cpp/core/engine.hpp"
#include "cuda/runtime/check.hpp"
#include "tests/support/devices.hpp"

namespace faltung::emulator {

/// The emulator in the list of devices that engine tests walk. Engines see `Device::cuda(0)` and
/// the CUDA runtime they were written for; their launches run here.
class EmulatedDevice final : public test::TestDevice {
 public:
  /// @param engines  CUDA engines compiled for the emulator
  explicit EmulatedDevice(std::span<const Engine* const> engines) : engines_(engines) {}

  std::string name() const override { return "emulated"; }
  Stream stream() const override { return {Device::cuda(0)}; }
  std::span<const Engine* const> engines() const override { return engines_; }
  void* allocate(std::size_t bytes) const override {
    void* data = nullptr;
    cuda::check(cudaMalloc(&data, bytes), "allocate ", bytes, " bytes");
    return data;
  }
  void release(void* data) const override { (void)cudaFree(data); }
  void write(void* to, const void* from, std::size_t bytes) const override {
    cuda::check(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), "write ", bytes, " bytes");
  }
  void read(void* to, const void* from, std::size_t bytes) const override {
    cuda::check(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), "read ", bytes, " bytes");
  }

 private:
  std::span<const Engine* const> engines_;
};

}  // namespace faltung::emulator
