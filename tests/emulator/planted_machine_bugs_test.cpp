#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include <faltung/half.hpp>

#include "cuda/primitives/memory.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/launch.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/kernel_resources.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/runtime_bugs.hpp"

// Mistakes that a machine punishes and a simulation easily forgives: blocks with more threads than
// registers, shapes no launch may have, results that are not there yet, memory that is gone or
// somebody else's.
namespace faltung::emulator_kernels {
namespace {

using cuda::Global;
using cuda::LaunchConfig;
using cuda::SharedMemory;
using emulator::Check;

// The instances differ, so that what is said of one says nothing about another.
template <int number>
__global__ void plain_kernel(Global<float> y) {
  if (blockIdx.x + blockIdx.y + threadIdx.y == 0 && threadIdx.x < 32) y[threadIdx.x] = number;
}

__global__ void add_kernel(Global<const float> x, Global<float> y) {
  y[threadIdx.x] = x[threadIdx.x] + 1;
}

// --- registers, grids and blocks ---

// 128 registers of 512 threads are all that a multiprocessor has.
void too_many_registers(bool broken) {
  const DeviceBuffer<float> y(32);
  emulator::set_resources(reinterpret_cast<const void*>(&plain_kernel<0>), {.registers = 128});
  LaunchConfig config = with_shared(0);
  config.block = broken ? 544 : 512;
  cuda::launch(plain_kernel<0>, config, Global<float>(y.data()));
}

// Warps get registers in pieces of 256: 65 of each thread are 72.
void registers_by_the_thread_alone(bool broken) {
  const DeviceBuffer<float> y(32);
  emulator::set_resources(reinterpret_cast<const void*>(&plain_kernel<1>), {.registers = 65});
  LaunchConfig config = with_shared(0);
  config.block = broken ? 992 : 896;  // 992 x 65 = 64,480 of 65,536
  cuda::launch(plain_kernel<1>, config, Global<float>(y.data()));
}

void beyond_its_launch_bounds(bool broken) {
  const DeviceBuffer<float> y(32);
  emulator::set_resources(reinterpret_cast<const void*>(&plain_kernel<2>),
                          {.registers = 32, .max_threads = 256});
  LaunchConfig config = with_shared(0);
  config.block = broken ? 288 : 256;
  cuda::launch(plain_kernel<2>, config, Global<float>(y.data()));
}

void launch_shaped(dim3 grid, dim3 block, dim3 cluster = 1) {
  const DeviceBuffer<float> y(32);
  LaunchConfig config = with_shared(0);
  config.grid = grid;
  config.block = block;
  config.cluster = cluster;
  cuda::launch(plain_kernel<3>, config, Global<float>(y.data()));
}
void too_many_blocks_along_y(bool broken) {
  launch_shaped(broken ? dim3(1, 65536) : dim3(1, 3), 32);
}
void no_blocks(bool broken) { launch_shaped(broken ? 0 : 1, 32); }
void no_threads(bool broken) { launch_shaped(1, broken ? dim3(32, 0) : dim3(32, 1)); }
void too_many_threads(bool broken) { launch_shaped(1, broken ? dim3(33, 32) : dim3(32, 32)); }
void cluster_of_16(bool broken) { launch_shaped(16, 32, broken ? 16 : 8); }
void cluster_that_does_not_divide(bool broken) { launch_shaped(broken ? 3 : 4, 32, 2); }

// --- vectors ---

template <typename T>
__global__ void scalar_kernel(Global<const T> x, Global<T> y) {
  if (threadIdx.x == 0) y[0] = x[0];
}
// An element at half its size, as a view of bytes may have it.
template <typename T>
void misaligned_scalar(bool broken) {
  const DeviceBuffer<std::uint8_t> x(std::vector<std::uint8_t>(64));
  const DeviceBuffer<T> y(1);
  const std::uint8_t* begin = x.data() + (broken ? sizeof(T) / 2 : sizeof(T));
  cuda::launch(scalar_kernel<T>, with_shared(0), Global<const T>(reinterpret_cast<const T*>(begin)),
               Global<T>(y.data()));
}

__global__ void shared_vector_kernel(Global<float> y, int offset) {
  auto tile = SharedMemory().take<float>(64);
  const int thread = static_cast<int>(threadIdx.x);
  tile[thread] = 1;
  tile[thread + 32] = 2;
  __syncthreads();
  if (thread == 0) y.store<4>(0, tile.load<4>(offset));
}
void misaligned_in_shared_memory(bool broken) {
  const DeviceBuffer<float> y(32);
  cuda::launch(shared_vector_kernel, with_shared(256), Global<float>(y.data()), broken ? 2 : 4);
}

// --- copies and results that are not there yet ---

void download_of_an_unfinished_fill(bool broken) {
  const DeviceBuffer<float> x(32);
  const cudaStream_t stream = own_stream();
  (void)cudaMemsetAsync(x.data(), 0, 128, stream);
  if (!broken) (void)cudaStreamSynchronize(stream);
  std::vector<float> host(32);
  (void)cudaMemcpy(host.data(), x.data(), 128, cudaMemcpyDeviceToHost);
}

void launch_on(cudaStream_t stream, const DeviceBuffer<float>& x, const DeviceBuffer<float>& y) {
  LaunchConfig config = with_shared(0);
  config.stream = stream;
  cuda::launch(add_kernel, config, Global<const float>(x.data()), Global<float>(y.data()));
}

void copy_of_another_stream(bool broken) {
  const DeviceBuffer<float> first(std::vector<float>(32)), x(32), y(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t stream = own_stream();
  (void)cudaMemcpyAsync(x.data(), first.data(), 128, cudaMemcpyDeviceToDevice, stream);
  launch_on(broken ? own_stream() : stream, x, y);
}

void result_read_too_early(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t stream = own_stream();
  launch_on(stream, x, y);
  if (!broken) (void)cudaStreamSynchronize(stream);
  (void)y.read();
}

void result_taken_by_another_stream(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32), z(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t stream = own_stream();
  launch_on(stream, x, y);
  launch_on(broken ? nullptr : stream, y, z);
}

void result_copied_by_another_stream(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32), z(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t stream = own_stream();
  launch_on(stream, x, y);
  (void)cudaMemcpyAsync(z.data(), y.data(), 128, cudaMemcpyDeviceToDevice,
                        broken ? own_stream() : stream);
}

void result_overwritten_by_a_fill(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t stream = own_stream();
  launch_on(stream, x, y);
  (void)cudaMemsetAsync(y.data(), 0, 128, broken ? own_stream() : stream);
}

// The stream that is waited for is another one.
void waits_for_the_wrong_stream(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t stream = own_stream();
  launch_on(stream, x, y);
  (void)cudaStreamSynchronize(broken ? own_stream() : stream);
  (void)y.read();
}

// --- memory that is gone, or of others ---

void freed_at_once_on_another_device(bool broken) {
  void* data = nullptr;
  (void)cudaMalloc(&data, 64);
  const cuda::DeviceGuard guard(broken ? 1 : 0);
  (void)cudaFree(data);
}

void used_after_its_free(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32));
  void* data = nullptr;
  (void)cudaMallocAsync(&data, 128, nullptr);
  if (broken) (void)cudaFreeAsync(data, nullptr);
  cuda::launch(add_kernel, with_shared(0), Global<const float>(x.data()),
               Global<float>(static_cast<float*>(data)));
  if (!broken) (void)cudaFreeAsync(data, nullptr);
}

void pool_of_another_device(bool broken) {
  cudaMemPoolProps properties{};
  properties.location.id = 1;
  cudaMemPool_t pool = nullptr;
  (void)cudaMemPoolCreate(&pool, &properties);
  const cuda::DeviceGuard guard(broken ? 0 : 1);
  void* data = nullptr;
  (void)cudaMallocFromPoolAsync(&data, 64, pool, nullptr);
  (void)cudaFreeAsync(data, nullptr);
}

void fill_on_a_stream_of_another_device(bool broken) {
  const DeviceBuffer<float> x(32);
  const cudaStream_t stream = own_stream();
  const cuda::DeviceGuard guard(broken ? 1 : 0);
  (void)cudaMemsetAsync(x.data(), 0, 128, stream);
}

void frees_while_a_stream_is_captured(bool broken) {
  void* data = nullptr;
  (void)cudaMallocAsync(&data, 64, nullptr);
  const emulator::Capture capture;
  if (broken) {
    (void)cudaFree(data);
  } else {
    (void)cudaFreeAsync(data, nullptr);
  }
}

void waits_while_a_stream_is_captured(bool broken) {
  const emulator::Capture capture;
  if (broken) (void)cudaDeviceSynchronize();
}

const RuntimeBug bugs[] = {
    {"too_many_registers", Check::registers_exceeded, too_many_registers},
    {"registers_by_the_thread_alone", Check::registers_exceeded, registers_by_the_thread_alone},
    {"beyond_its_launch_bounds", Check::registers_exceeded, beyond_its_launch_bounds},
    {"too_many_blocks_along_y", Check::invalid_launch, too_many_blocks_along_y},
    {"no_blocks", Check::invalid_launch, no_blocks},
    {"no_threads", Check::invalid_launch, no_threads},
    {"too_many_threads", Check::invalid_launch, too_many_threads},
    {"cluster_of_16", Check::invalid_launch, cluster_of_16},
    {"cluster_that_does_not_divide", Check::invalid_launch, cluster_that_does_not_divide},
    {"misaligned_half", Check::misaligned_access, misaligned_scalar<Half>},
    {"misaligned_double", Check::misaligned_access, misaligned_scalar<double>},
    {"misaligned_in_shared_memory", Check::misaligned_access, misaligned_in_shared_memory},
    {"download_of_an_unfinished_fill", Check::unfinished_copy, download_of_an_unfinished_fill},
    {"copy_of_another_stream", Check::unfinished_copy, copy_of_another_stream},
    {"result_read_too_early", Check::unfinished_kernel, result_read_too_early},
    {"result_taken_by_another_stream", Check::unfinished_kernel, result_taken_by_another_stream},
    {"result_copied_by_another_stream", Check::unfinished_kernel, result_copied_by_another_stream},
    {"result_overwritten_by_a_fill", Check::unfinished_kernel, result_overwritten_by_a_fill},
    {"waits_for_the_wrong_stream", Check::unfinished_kernel, waits_for_the_wrong_stream},
    {"freed_at_once_on_another_device", Check::wrong_device, freed_at_once_on_another_device},
    {"used_after_its_free", Check::out_of_bounds_global, used_after_its_free},
    {"pool_of_another_device", Check::wrong_device, pool_of_another_device},
    {"fill_on_a_stream_of_another_device", Check::wrong_device, fill_on_a_stream_of_another_device},
    {"frees_while_a_stream_is_captured", Check::unsafe_in_capture,
     frees_while_a_stream_is_captured},
    {"waits_while_a_stream_is_captured", Check::unsafe_in_capture,
     waits_while_a_stream_is_captured},
};

INSTANTIATE_TEST_SUITE_P(All, RuntimeBugs, ::testing::ValuesIn(bugs), bug_name);

}  // namespace
}  // namespace faltung::emulator_kernels
