#include "cpp/core/backend.hpp"

#include <map>
#include <mutex>

#include "cuda/magnitude/magnitude.hpp"
#include "cuda/masked/masked.hpp"
#include "cuda/rank/rank.hpp"
#include "cuda/runtime/architectures.hpp"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/gpu_machine.hpp"
#include "cuda/runtime/lanes.hpp"
#include "cuda/runtime/vendor_library.hpp"

namespace faltung {
namespace {

using cuda::check;
using cuda::DeviceGuard;
using cuda::QuietDeviceGuard;

// A pool that keeps a sixteenth of the device's memory, once it was used, for the next workspace:
// the default pool keeps nothing, and every synchronisation returns its memory to the system. Null
// where the device has no pools.
cudaMemPool_t make_pool(int device) {
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  cudaDeviceProp found{};
  cudaMemPool_t pool = nullptr;
  if (cudaGetDeviceProperties(&found, device) != cudaSuccess ||
      cudaMemPoolCreate(&pool, &properties) != cudaSuccess) {
    (void)cudaGetLastError();
    return nullptr;
  }
  std::uint64_t kept = found.totalGlobalMem / 16;
  if (cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept) != cudaSuccess) {
    (void)cudaGetLastError();  // a pool that keeps nothing is still one
  }
  return pool;
}

// One for each device and process; the driver ends them with it.
cudaMemPool_t pool_of(int device) {
  static std::mutex mutex;
  static std::map<int, cudaMemPool_t> pools;
  const std::lock_guard lock(mutex);
  const auto known = pools.find(device);
  if (known != pools.end()) return known->second;
  return pools[device] = make_pool(device);
}

// Memory is asked for in stream order, so that `run` does not synchronise.
void* stream_allocate(void*, std::size_t bytes, std::size_t, const Stream& stream) {
  void* data = nullptr;
  const DeviceGuard guard(stream.device.index);
  const auto queue = static_cast<cudaStream_t>(stream.handle);
  const cudaMemPool_t pool = pool_of(stream.device.index);
  const cudaError_t status = pool == nullptr ? cudaMallocAsync(&data, bytes, queue)
                                             : cudaMallocFromPoolAsync(&data, bytes, pool, queue);
  if (status == cudaSuccess) return data;
  (void)cudaGetLastError();
  return nullptr;
}

// A null stream is that of the current device, so the device is part of where memory returns to.
// Called from destructors, where nobody could catch: what fails is forgotten.
void stream_deallocate(void*, void* data, std::size_t, std::size_t, const Stream& stream) {
  const QuietDeviceGuard guard(stream.device.index);
  if (cudaFreeAsync(data, static_cast<cudaStream_t>(stream.handle)) != cudaSuccess) {
    (void)cudaGetLastError();
  }
}

// What this process finds when it first asks.
struct Found {
  int count = 0;  // cudaGetDeviceCount leaves it untouched when it fails
  std::string reason;
  std::vector<std::string> unusable;  ///< why, per device; empty if it is not
};

std::string find_unusable(int index) {
  cudaDeviceProp properties{};
  const cudaError_t status = cudaGetDeviceProperties(&properties, index);
  if (status != cudaSuccess) {
    (void)cudaGetLastError();
    return message("does not answer: ", cudaGetErrorString(status), " (", cudaGetErrorName(status),
                   ")");
  }
  return cuda::no_code_for(FALTUNG_CUDA_CODE, properties.major, properties.minor);
}

// The runtime has one error for no driver and for one that is too old.
std::string insufficient_driver() {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    (void)cudaGetLastError();
    return "no NVIDIA driver is installed";
  }
  return message("the NVIDIA driver is too old: it has CUDA ", driver / 1000, '.',
                 driver % 1000 / 10, ", this build needs ", CUDART_VERSION / 1000, '.',
                 CUDART_VERSION % 1000 / 10, " or newer");
}

Found find_devices() {
  Found found;
  const cudaError_t status = cudaGetDeviceCount(&found.count);
  if (status != cudaSuccess) {
    (void)cudaGetLastError();
    found.reason = status == cudaErrorInsufficientDriver
                       ? insufficient_driver()
                       : message(cudaGetErrorString(status), " (", cudaGetErrorName(status), ")");
  } else if (found.count == 0) {
    found.reason = "the driver reports no CUDA device";
  }
  for (int i = 0; i < found.count; ++i) found.unusable.push_back(find_unusable(i));
  return found;
}

const Found& found_devices() {
  static const Found found = find_devices();
  return found;
}

class CudaBackend final : public DeviceBackend {
 public:
  std::string unavailable_reason() const override { return found_devices().reason; }
  int count() const override { return found_devices().count; }
  std::string unusable_reason(int index) const override {
    return found_devices().unusable[static_cast<std::size_t>(index)];
  }

  std::vector<DeviceInfo> devices() const override {
    std::vector<DeviceInfo> result;
    for (int i = 0; i < count(); ++i) {
      cudaDeviceProp properties{};
      check(cudaGetDeviceProperties(&properties, i), "read the properties of device ", i);
      const std::string unusable = unusable_reason(i);
      result.push_back(
          {Device::cuda(i), properties.name,
           message("compute capability ", properties.major, '.', properties.minor, ", ",
                   properties.totalGlobalMem >> 20, " MiB, ", properties.multiProcessorCount,
                   " multiprocessors", unusable.empty() ? "" : "; not usable: ", unusable)});
    }
    return result;
  }

  std::vector<LibraryInfo> libraries() const override {
    std::vector<LibraryInfo> result;
    for (const cuda::OpenLibrary* library : {&cuda::cufft_library(), &cuda::cublaslt_library(),
                                             &cuda::cudnn_library(), &cuda::nvjitlink_library()}) {
      result.push_back({std::string(library->name()), *library ? to_string(library->version()) : "",
                        library->file(), library->reason()});
    }
    return result;
  }

  void* allocate(const Device& device, std::size_t bytes) const override {
    const DeviceGuard guard(device.index);
    void* data = nullptr;
    if (cudaMalloc(&data, bytes) == cudaSuccess) return data;
    (void)cudaGetLastError();
    return nullptr;
  }

  void release(const Device& device, void* data) const override {
    const QuietDeviceGuard guard(device.index);  // called from destructors
    if (cudaFree(data) != cudaSuccess) (void)cudaGetLastError();
  }

  Allocator allocator() const override { return {nullptr, stream_allocate, stream_deallocate}; }

  void copy(void* target, const Device& to, const void* source, const Device& from,
            std::size_t bytes) const override {
    const DeviceGuard guard(to.kind == DeviceKind::cuda ? to.index : from.index);
    check(cudaMemcpy(target, source, bytes, cudaMemcpyDefault), "copy ", bytes, " bytes from ",
          from, " to ", to);
    // Within a device, and from memory that is not pinned, the call may return before the copy
    // ends.
    check(cudaStreamSynchronize(nullptr), "wait for ", to.kind == DeviceKind::cuda ? to : from);
  }

  void copy(void* target, const void* source, std::size_t bytes,
            const Stream& stream) const override {
    const DeviceGuard guard(stream.device.index);
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice,
                          static_cast<cudaStream_t>(stream.handle)),
          "copy ", bytes, " bytes on ", stream.device);
  }

  void wait(const Stream& stream) const override {
    const DeviceGuard guard(stream.device.index);
    check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream.handle)), "wait for a stream of ",
          stream.device);
  }

  void fill(void* target, const Device& device, unsigned char value,
            std::size_t bytes) const override {
    const DeviceGuard guard(device.index);
    check(cudaMemset(target, value, bytes), "fill ", bytes, " bytes on ", device);
    check(cudaStreamSynchronize(nullptr), "wait for ", device);
  }

  std::size_t free_bytes(const Device& device) const override {
    return cuda::free_bytes(device.index);
  }

  GpuMachine machine(const Device& device) const override {
    return cuda::gpu_machine(device.index);
  }

  std::unique_ptr<streamed::Lanes> lanes(const Device& device) const override {
    return cuda::make_lanes(device.index);
  }

  const masked::Passes& masked_passes() const override { return cuda::masked_passes(); }
  std::unique_ptr<rank::Task> make_rank_task(const ConstTensorView& x, const TensorView& y,
                                             const rank::Window& window) const override {
    return cuda::make_rank_task(x, y, window);
  }
  void prepare_magnitude(const Device& device, DType type) const override {
    cuda::prepare_magnitude(device, type);
  }
  void run_magnitude(const image::MagnitudePass& pass, const Stream& stream) const override {
    cuda::run_magnitude(pass, stream);
  }
};

}  // namespace

const DeviceBackend& cuda_backend() {
  static const CudaBackend backend;
  return backend;
}

}  // namespace faltung
