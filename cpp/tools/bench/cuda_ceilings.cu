#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <dlfcn.h>

#include <cstdint>
#include <vector>

#include "cpp/tools/bench/ceilings.hpp"
#include "cpp/tools/bench/timer.hpp"
#include "cuda/runtime/device_guard.hpp"

namespace faltung::bench {
namespace {

using cuda::check;

constexpr Effort effort{.min_samples = 15, .min_seconds = 0.05, .max_seconds = 5};

__global__ void empty_kernel() {}

// Random bits: constant data draw less power and run faster than real data would.
template <typename T>
__global__ void fill_random(T* data, std::size_t count) {
  const std::size_t step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    std::uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z ^= z >> 27;
    data[i] = static_cast<T>(static_cast<float>(static_cast<int>(z >> 32)) * 0x1p-31f);
  }
}

class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t bytes) {
    check(cudaMalloc(&data_, bytes), "allocate ", bytes, " bytes to measure the machine");
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory() { (void)cudaFree(data_); }
  [[nodiscard]] void* get() const { return data_; }

 private:
  void* data_ = nullptr;
};

double copy_rate(Timer& timer) {
  constexpr std::size_t bytes = std::size_t{1} << 30;
  const DeviceMemory source(bytes), target(bytes);
  auto* stream = static_cast<cudaStream_t>(timer.stream().handle);
  const auto work = [&] {
    check(cudaMemcpyAsync(target.get(), source.get(), bytes, cudaMemcpyDeviceToDevice, stream),
          "copy on the device");
  };
  return 2.0 * bytes / measure(timer, work, Cache::cold, effort).median;
}

// cuBLASLt is opened when it is needed, as everywhere in Faltung.
class Matrix {
 public:
  Matrix() : library_(dlopen("libcublasLt.so.13", RTLD_NOW)) {
    if (library_ == nullptr) library_ = dlopen("libcublasLt.so.12", RTLD_NOW);
  }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() {
    if (library_ != nullptr) dlclose(library_);
  }
  [[nodiscard]] bool present() const { return library_ != nullptr; }

  // flop/s of C = A^T B for n = 8192 (4096 for f64), or 0 if cuBLASLt refuses the type.
  template <typename T>
  double rate(Timer& timer, cudaDataType_t type, cublasComputeType_t compute) {
    const std::int64_t n = type == CUDA_R_64F ? 4096 : 8192;
    const std::size_t bytes = static_cast<std::size_t>(n * n) * sizeof(T);
    const DeviceMemory a(bytes), b(bytes), c(bytes);
    constexpr std::size_t scratch = std::size_t{64} << 20;
    const DeviceMemory workspace(scratch);
    fill_random<<<1024, 256>>>(static_cast<T*>(a.get()), n * n);
    fill_random<<<1024, 256>>>(static_cast<T*>(b.get()), n * n);
    check(cudaDeviceSynchronize(), "fill the matrices");
    cublasLtHandle_t handle{};
    cublasLtMatmulDesc_t operation{};
    cublasLtMatrixLayout_t layout{};
    const cudaDataType_t scale = type == CUDA_R_64F ? CUDA_R_64F : CUDA_R_32F;
    const cublasOperation_t transpose = CUBLAS_OP_T;
    call(&cublasLtCreate, "cublasLtCreate", &handle);
    call(&cublasLtMatmulDescCreate, "cublasLtMatmulDescCreate", &operation, compute, scale);
    call(&cublasLtMatmulDescSetAttribute, "cublasLtMatmulDescSetAttribute", operation,
         CUBLASLT_MATMUL_DESC_TRANSA, &transpose, sizeof(transpose));
    call(&cublasLtMatrixLayoutCreate, "cublasLtMatrixLayoutCreate", &layout, type, n, n, n);
    const double one64 = 1, zero64 = 0;
    const float one32 = 1, zero32 = 0;
    const bool wide = scale == CUDA_R_64F;
    bool accepted = true;
    const auto work = [&] {
      accepted &=
          call(&cublasLtMatmul, "cublasLtMatmul", handle, operation,
               wide ? static_cast<const void*>(&one64) : &one32, a.get(), layout, b.get(), layout,
               wide ? static_cast<const void*>(&zero64) : &zero32, c.get(), layout, c.get(), layout,
               nullptr, workspace.get(), scratch, static_cast<cudaStream_t>(timer.stream().handle));
    };
    const double seconds = measure(timer, work, Cache::cold, effort).median;
    call(&cublasLtMatrixLayoutDestroy, "cublasLtMatrixLayoutDestroy", layout);
    call(&cublasLtMatmulDescDestroy, "cublasLtMatmulDescDestroy", operation);
    call(&cublasLtDestroy, "cublasLtDestroy", handle);
    return accepted ? 2.0 * static_cast<double>(n * n * n) / seconds : 0;
  }

 private:
  template <typename F, typename... Arguments>
  bool call(F, const char* name, Arguments... arguments) {
    const auto function = reinterpret_cast<F>(dlsym(library_, name));
    return function != nullptr && function(arguments...) == CUBLAS_STATUS_SUCCESS;
  }
  void* library_;
};

}  // namespace

Ceilings measure_cuda_ceilings(const Device& device) {
  const cuda::DeviceGuard guard(device.index);
  const auto timer = make_timer(device);
  auto* stream = static_cast<cudaStream_t>(timer->stream().handle);
  Ceilings ceilings;
  ceilings.copy_bytes_per_second = copy_rate(*timer);
  ceilings.launch_seconds =
      measure(
          *timer, [&] { empty_kernel<<<1, 32, 0, stream>>>(); }, Cache::warm, effort)
          .median;
  Matrix matrix;
  if (!matrix.present()) return ceilings;
  auto& rates = ceilings.matrix_flops;
  rates["f16"] = matrix.rate<__half>(*timer, CUDA_R_16F, CUBLAS_COMPUTE_32F);
  rates["bf16"] = matrix.rate<__nv_bfloat16>(*timer, CUDA_R_16BF, CUBLAS_COMPUTE_32F);
  rates["tf32"] = matrix.rate<float>(*timer, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32);
  rates["f32"] = matrix.rate<float>(*timer, CUDA_R_32F, CUBLAS_COMPUTE_32F_PEDANTIC);
  rates["f64"] = matrix.rate<double>(*timer, CUDA_R_64F, CUBLAS_COMPUTE_64F);
  std::erase_if(rates, [](const auto& rate) { return rate.second == 0; });
  return ceilings;
}

}  // namespace faltung::bench
