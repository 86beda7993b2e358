#include "cpp/tools/bench/timer.hpp"
#include "cuda/runtime/device_guard.hpp"

namespace faltung::bench {
namespace {

using cuda::check;
using cuda::DeviceGuard;

// The method of docs/benchmarks.md: events around one run, the L2 cache flushed before it.
class CudaTimer final : public Timer {
 public:
  explicit CudaTimer(const Device& device) : device_(device) {
    const DeviceGuard guard(device.index);
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "create a stream");
    check(cudaEventCreate(&start_), "create an event");
    check(cudaEventCreate(&stop_), "create an event");
    check(cudaMalloc(&other_, flush_bytes), "allocate ", flush_bytes, " bytes to flush the L2");
  }
  CudaTimer(const CudaTimer&) = delete;
  CudaTimer& operator=(const CudaTimer&) = delete;
  ~CudaTimer() override {
    (void)cudaFree(other_);
    (void)cudaEventDestroy(start_);
    (void)cudaEventDestroy(stop_);
    (void)cudaStreamDestroy(stream_);
  }

  Stream stream() const override { return {device_, stream_}; }

  double seconds(const std::function<void()>& work, Cache cache) override {
    const DeviceGuard guard(device_.index);
    if (cache == Cache::cold) {
      check(cudaMemsetAsync(other_, 1, flush_bytes, stream_), "flush the L2");
    }
    check(cudaEventRecord(start_, stream_), "record an event");
    work();
    check(cudaEventRecord(stop_, stream_), "record an event");
    check(cudaEventSynchronize(stop_), "wait for a timed run");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start_, stop_), "read the time between events");
    return milliseconds * 1e-3;
  }

 private:
  static constexpr std::size_t flush_bytes = std::size_t{256} << 20;
  Device device_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t stop_ = nullptr;
  void* other_ = nullptr;
};

}  // namespace

std::unique_ptr<Timer> make_cuda_timer(const Device& device) {
  return std::make_unique<CudaTimer>(device);
}

}  // namespace faltung::bench
