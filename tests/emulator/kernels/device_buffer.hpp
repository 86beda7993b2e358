#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <vector>

#include "cuda/runtime/check.hpp"

namespace faltung::emulator_kernels {

/// Device memory for the demonstrations; owns it.
template <typename T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(std::size_t count) : count_(count) {
    cuda::check(cudaMalloc(&data_, bytes()), "allocate ", bytes(), " bytes");
  }
  explicit DeviceBuffer(const std::vector<T>& host) : DeviceBuffer(host.size()) {
    cuda::check(cudaMemcpy(data_, host.data(), bytes(), cudaMemcpyDefault), "copy to the device");
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() { (void)cudaFree(data_); }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::vector<T> read() const {
    std::vector<T> host(count_);
    cuda::check(cudaMemcpy(host.data(), data_, bytes(), cudaMemcpyDefault), "copy to the host");
    return host;
  }

 private:
  [[nodiscard]] std::size_t bytes() const { return count_ * sizeof(T); }
  std::size_t count_;
  T* data_ = nullptr;
};

}  // namespace faltung::emulator_kernels
