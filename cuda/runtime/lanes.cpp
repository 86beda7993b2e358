#include "cuda/runtime/lanes.hpp"

#include <array>
#include <vector>

#include "cuda/runtime/device_guard.hpp"

namespace faltung::cuda {
namespace {

using streamed::Lane;

class CudaLanes final : public streamed::Lanes {
 public:
  explicit CudaLanes(int device) : device_(device) {
    const DeviceGuard guard(device);
    try {
      for (cudaStream_t& stream : streams_) {
        check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "make a stream of ",
              Device::cuda(device));
      }
    } catch (...) {
      release();
      throw;
    }
  }
  CudaLanes(const CudaLanes&) = delete;
  CudaLanes& operator=(const CudaLanes&) = delete;
  ~CudaLanes() override {
    const QuietDeviceGuard guard(device_);
    release();
  }

  std::byte* allocate(std::size_t bytes) override {
    const DeviceGuard guard(device_);
    if (cudaMalloc(&memory_, bytes) == cudaSuccess) return static_cast<std::byte*>(memory_);
    (void)cudaGetLastError();
    memory_ = nullptr;
    return nullptr;
  }

  std::byte* allocate_staging(std::size_t bytes) override {
    const DeviceGuard guard(device_);
    void* data = nullptr;
    if (cudaHostAlloc(&data, bytes, cudaHostAllocPortable) != cudaSuccess) {
      (void)cudaGetLastError();
      return nullptr;
    }
    staging_.push_back(data);
    return static_cast<std::byte*>(data);
  }

  bool copies_directly(const void* host) const override {
    cudaPointerAttributes found{};
    if (cudaPointerGetAttributes(&found, host) != cudaSuccess) {
      (void)cudaGetLastError();
      return false;
    }
    return found.type == cudaMemoryTypeHost;
  }

  // Starting a copy takes about 5 us, in which 256 KiB are copied.
  std::size_t worthwhile_copy() const override { return std::size_t{256} << 10; }

  void copy(Lane lane, void* to, const void* from, std::size_t bytes) override {
    const DeviceGuard guard(device_);
    check(cudaMemcpyAsync(to, from, bytes,
                          lane == Lane::in ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost,
                          stream(lane)),
          "copy ", bytes, lane == Lane::in ? " bytes to " : " bytes from ", Device::cuda(device_));
  }

  Stream compute() const override {
    return {Device::cuda(device_), streams_[static_cast<std::size_t>(Lane::compute)]};
  }

  void record(int event, Lane lane) override {
    const DeviceGuard guard(device_);
    const auto index = static_cast<std::size_t>(event);
    while (events_.size() <= index) {
      cudaEvent_t made = nullptr;
      check(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "make an event of ",
            Device::cuda(device_));
      events_.push_back(made);
    }
    check(cudaEventRecord(events_[index], stream(lane)), "record an event of ",
          Device::cuda(device_));
  }

  void wait(Lane lane, int event) override {
    const auto index = static_cast<std::size_t>(event);
    if (index >= events_.size()) return;
    const DeviceGuard guard(device_);
    check(cudaStreamWaitEvent(stream(lane), events_[index], 0), "wait for an event of ",
          Device::cuda(device_));
  }

  void wait_here(int event) override {
    const auto index = static_cast<std::size_t>(event);
    if (index >= events_.size()) return;
    const DeviceGuard guard(device_);
    check(cudaEventSynchronize(events_[index]), "wait for ", Device::cuda(device_));
  }

  void finish() override {
    const DeviceGuard guard(device_);
    for (const cudaStream_t each : streams_) {
      check(cudaStreamSynchronize(each), "wait for ", Device::cuda(device_));
    }
  }

 private:
  [[nodiscard]] cudaStream_t stream(Lane lane) const {
    return streams_[static_cast<std::size_t>(lane)];
  }

  // What fails is forgotten: nobody could catch it.
  void release() noexcept {
    for (const cudaStream_t each : streams_) {
      if (each == nullptr) continue;
      (void)cudaStreamSynchronize(each);
      (void)cudaStreamDestroy(each);
    }
    for (const cudaEvent_t each : events_) (void)cudaEventDestroy(each);
    for (void* each : staging_) (void)cudaFreeHost(each);
    if (memory_ != nullptr) (void)cudaFree(memory_);
    (void)cudaGetLastError();
  }

  int device_;
  std::array<cudaStream_t, 3> streams_ = {};
  std::vector<cudaEvent_t> events_;
  std::vector<void*> staging_;
  void* memory_ = nullptr;
};

}  // namespace

std::unique_ptr<streamed::Lanes> make_lanes(int device) {
  return std::make_unique<CudaLanes>(device);
}

std::size_t free_bytes(int device) {
  const DeviceGuard guard(device);
  std::size_t free = 0;
  std::size_t total = 0;
  check(cudaMemGetInfo(&free, &total), "read the free memory of ", Device::cuda(device));
  return free;
}

}  // namespace faltung::cuda
