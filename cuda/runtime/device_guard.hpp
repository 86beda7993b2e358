#pragma once

#include "cuda/runtime/check.hpp"

namespace faltung::cuda {

/// Makes a device current for a scope, and the one before it afterwards.
class DeviceGuard {
 public:
  explicit DeviceGuard(int index) {
    check(cudaGetDevice(&previous_), "read the current device");
    if (previous_ == index) return;
    check(cudaSetDevice(index), "use device ", index);
    changed_ = true;
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;
  ~DeviceGuard() {
    if (changed_ && cudaSetDevice(previous_) != cudaSuccess) (void)cudaGetLastError();
  }

 private:
  int previous_ = 0;
  bool changed_ = false;
};

/// The same for destructors: never throws. Where the device cannot be made current, the one before
/// it stays.
class QuietDeviceGuard {
 public:
  explicit QuietDeviceGuard(int index) noexcept {
    if (cudaGetDevice(&previous_) != cudaSuccess) {
      (void)cudaGetLastError();
    } else if (previous_ != index) {
      changed_ = cudaSetDevice(index) == cudaSuccess;
      if (!changed_) (void)cudaGetLastError();
    }
  }
  QuietDeviceGuard(const QuietDeviceGuard&) = delete;
  QuietDeviceGuard& operator=(const QuietDeviceGuard&) = delete;
  ~QuietDeviceGuard() {
    if (changed_ && cudaSetDevice(previous_) != cudaSuccess) (void)cudaGetLastError();
  }

 private:
  int previous_ = 0;
  bool changed_ = false;
};

}  // namespace faltung::cuda
