#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <mutex>
#include <vector>

#include "cuda/runtime/cudnn.hpp"

namespace faltung::cuda::cudnn {

/// Handles of one device. A handle has a stream and may be used by one thread at a time, so a
/// stream has a handle of its own, as long as there are few; they live as long as the process.
class HandlePool {
 public:
  /// That of the current device, with handles for two streams: those of further ones are made when
  /// these come, which they may not while they are captured.
  ///
  /// @throws DeviceError, or bad_alloc if cuDNN has no memory
  [[nodiscard]] static HandlePool& of_device(int index);

  /// A handle with this stream that nobody else uses while this lives.
  class Lease {
   public:
    [[nodiscard]] Handle get() const { return handle_; }

   private:
    friend class HandlePool;
    Lease(Handle handle, std::unique_lock<std::mutex> lock)
        : handle_(handle), lock_(std::move(lock)) {}
    Handle handle_;
    std::unique_lock<std::mutex> lock_;
  };
  [[nodiscard]] Lease take(cudaStream_t stream);

 private:
  static constexpr std::size_t prepared = 2, max = 16;
  struct Entry {
    Handle handle = nullptr;
    bool bound = false;
    cudaStream_t stream = nullptr;
    std::mutex busy;
  };
  Entry& entry_of(cudaStream_t stream);
  Entry& add();

  std::mutex mutex_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::size_t next_ = 0;  // that is given another stream when there are `max`
};

}  // namespace faltung::cuda::cudnn
