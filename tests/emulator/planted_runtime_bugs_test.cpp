#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <faltung/half.hpp>

#include "cuda/primitives/arithmetic.cuh"
#include "cuda/primitives/bulk_copy.cuh"
#include "cuda/primitives/memory.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/launch.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/kernels/start.hpp"
#include "tests/emulator/memory_use.hpp"
#include "tests/emulator/runtime_bugs.hpp"
#include "tests/emulator/toolkit/cuda_streams_api.h"

// Mistakes of the host: what a launch asks for and of which device, streams, and the current
// device.
namespace faltung::emulator_kernels {
namespace {

using cuda::Complex;
using cuda::Global;
using cuda::LaunchConfig;
using cuda::load_kernel;
using cuda::SharedMemory;
using cuda::Vec;
using emulator::Check;
using emulator::machine;

__global__ void dynamic_kernel(Global<float> y) {
  auto tile = SharedMemory().take<float>(32);
  tile[static_cast<int>(threadIdx.x)] = 1;
  y[threadIdx.x] = tile[static_cast<int>(threadIdx.x)];
}

// The instances differ, so that what was granted or met of one says nothing about another.
template <int number>
__global__ void mixed_kernel(Global<float> y) {
  FALTUNG_SHARED(float, fixed, 64);
  auto tile = SharedMemory().take<float>(32);
  const int thread = static_cast<int>(threadIdx.x);
  fixed[thread] = 1;
  tile[thread] = fixed[thread];
  y[thread] = tile[thread] + number - number;
}

__global__ void copy_kernel(Global<const float> x, Global<float> y) {
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void other_copy_kernel(Global<const float> x, Global<float> y) {
  y[threadIdx.x] = x[threadIdx.x];
}

void set_shared(const void* kernel, int bytes) {
  (void)cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
}

// --- shared memory ---

void dynamic_memory_not_requested(bool broken) {
  const DeviceBuffer<float> y(32);
  const LaunchConfig config = with_shared(64 * 1024);
  if (!broken) load_kernel(mixed_kernel<0>, config);
  cuda::launch(broken ? mixed_kernel<1> : mixed_kernel<0>, config, Global<float>(y.data()));
}

// The default limit counts the static part: 48 KiB of dynamic memory are too much beside 256 bytes.
void static_part_not_counted(bool broken) {
  const DeviceBuffer<float> y(32);
  const LaunchConfig config = with_shared(48 * 1024);
  if (!broken) load_kernel(mixed_kernel<2>, config);
  cuda::launch(broken ? mixed_kernel<3> : mixed_kernel<2>, config, Global<float>(y.data()));
}

// 99 KiB are all that this device has; the static part is in them.
void more_than_the_device_has(bool broken) {
  const DeviceBuffer<float> y(32);
  start(broken ? mixed_kernel<5> : mixed_kernel<4>, with_shared((broken ? 99 : 98) * 1024),
        Global<float>(y.data()));
}

// What a second thread sets between the first one's request and launch.
void request_lowered_by_another(bool broken) {
  const DeviceBuffer<float> y(32);
  const auto* kernel = reinterpret_cast<const void*>(&dynamic_kernel);
  const LaunchConfig config = with_shared(100 * 1024);
  load_kernel(dynamic_kernel, config);
  if (broken) {
    set_shared(kernel, 64 * 1024);
  } else {
    load_kernel(dynamic_kernel, with_shared(64 * 1024));
  }
  cuda::launch(dynamic_kernel, config, Global<float>(y.data()));
}

void request_beyond_the_device(bool broken) {
  const DeviceBuffer<float> y(32);
  const auto* kernel = reinterpret_cast<const void*>(&mixed_kernel<6>);
  set_shared(kernel, (broken ? 228 : 100) * 1024);  // refused, and nobody looks
  (void)cudaGetLastError();
  cuda::launch(mixed_kernel<6>, with_shared(90 * 1024), Global<float>(y.data()));
  set_shared(kernel, 0);
}

void requested_on_another_device(bool broken) {
  const LaunchConfig config = with_shared(64 * 1024);
  {
    const cuda::DeviceGuard guard(broken ? 0 : 1);
    if (broken) {
      load_kernel(mixed_kernel<7>, config);
    } else {
      load_kernel(mixed_kernel<8>, config);
    }
  }
  const cuda::DeviceGuard guard(1);
  const DeviceBuffer<float> y(32);
  cuda::launch(broken ? mixed_kernel<7> : mixed_kernel<8>, config, Global<float>(y.data()));
}

// --- shapes and instructions ---

void too_many_blocks_along_z(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  LaunchConfig config = with_shared(0);
  config.grid = {1, 1, broken ? 65536u : 1u};
  cuda::launch(copy_kernel, config, Global<const float>(x.data()), Global<float>(y.data()));
}

void too_deep_a_block(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  LaunchConfig config = with_shared(0);
  config.block = {1, 1, broken ? 65u : 1u};
  cuda::launch(copy_kernel, config, Global<const float>(x.data()), Global<float>(y.data()));
}

void cluster_before_hopper(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  LaunchConfig config = with_shared(0);
  config.block = 1;
  if (broken) config.grid = config.cluster = 2;
  cuda::launch(copy_kernel, config, Global<const float>(x.data()), Global<float>(y.data()));
}

template <bool broken>
__global__ void bulk_kernel(Global<const float> x, Global<float> y) {
  auto tile = SharedMemory().take<float, 128>(32);
  auto full = SharedMemory().take<cuda::Mbarrier>(1);
  if constexpr (broken) {
    if (threadIdx.x == 0) cuda::bulk_load(tile, x, 128, full);
  }
  y[threadIdx.x] = x[threadIdx.x];
}
void hopper_instruction_on_ada(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  cuda::launch(broken ? bulk_kernel<true> : bulk_kernel<false>, with_shared(1024),
               Global<const float>(x.data()), Global<float>(y.data()));
}

// --- what is read, and where it lies ---

template <typename T, int count>
__global__ void vector_kernel(Global<const T> x, Global<T> y, int offset) {
  if (threadIdx.x == 0) y.template store<count>(0, x.template load<count>(offset));
}
template <typename T, int count>
void misaligned(bool broken) {
  const DeviceBuffer<T> x(std::vector<T>(64)), y(64);
  cuda::launch(vector_kernel<T, count>, with_shared(0), Global<const T>(x.data()),
               Global<T>(y.data()), broken ? count / 2 : count);
}

template <typename Real>
__global__ void complex_kernel(Global<const Complex<Real>> x, Global<Complex<Real>> y) {
  if (threadIdx.x == 0) y[0] = x[0];
}
// A complex value that lies on a multiple of its parts alone, as C++ allows.
template <typename Real>
void misaligned_complex(bool broken) {
  const DeviceBuffer<Real> x(std::vector<Real>(64)), y(64);
  cuda::launch(
      complex_kernel<Real>, with_shared(0),
      Global<const Complex<Real>>(reinterpret_cast<Complex<Real>*>(x.data() + (broken ? 1 : 2))),
      Global<Complex<Real>>(reinterpret_cast<Complex<Real>*>(y.data())));
}

template <bool broken>
__global__ void update_kernel(Global<float> y) {
  const Global<const float> cached = y;
  const float old = broken ? cached[threadIdx.x] : float(y[threadIdx.x]);
  y[threadIdx.x] = old + 1;
}
void reads_its_result_by_the_read_only_path(bool broken) {
  const DeviceBuffer<float> y(std::vector<float>(32));
  cuda::launch(broken ? update_kernel<true> : update_kernel<false>, with_shared(0),
               Global<float>(y.data()));
}

// --- copies that have not ended ---

void launch_on(cudaStream_t stream, const DeviceBuffer<float>& x, const DeviceBuffer<float>& y) {
  LaunchConfig config = with_shared(0);
  config.stream = stream;
  cuda::launch(copy_kernel, config, Global<const float>(x.data()), Global<float>(y.data()));
}

void upload_not_waited_for(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  if (!broken) (void)cudaStreamSynchronize(nullptr);
  launch_on(own_stream(), x, y);
}

void device_copy_not_waited_for(bool broken) {
  const DeviceBuffer<float> first(std::vector<float>(32)), x(32), y(32);
  (void)cudaMemcpy(x.data(), first.data(), 128, cudaMemcpyDeviceToDevice);
  if (!broken) (void)cudaStreamSynchronize(nullptr);
  launch_on(own_stream(), x, y);
}

void fill_not_waited_for(bool broken) {
  const DeviceBuffer<float> x(32), y(32);
  (void)cudaMemset(x.data(), 0, 128);
  if (!broken) (void)cudaDeviceSynchronize();
  launch_on(own_stream(), x, y);
}

// --- work of several streams ---

void* pinned_memory() {
  static void* memory = [] {
    void* made = nullptr;
    (void)cudaHostAlloc(&made, 128, cudaHostAllocPortable);
    std::memset(made, 0, 128);
    return made;
  }();
  return memory;
}

cudaEvent_t own_event() {
  cudaEvent_t event = nullptr;
  (void)cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  return event;
}

void copy_not_waited_for(bool broken) {
  const DeviceBuffer<float> x(32), y(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t copies = own_stream(), kernels = own_stream();
  const cudaEvent_t arrived = own_event();
  (void)cudaMemcpyAsync(x.data(), pinned_memory(), 128, cudaMemcpyHostToDevice, copies);
  (void)cudaEventRecord(arrived, copies);
  if (!broken) (void)cudaStreamWaitEvent(kernels, arrived, 0);
  launch_on(kernels, x, y);
}

// An event stands for what was in its stream when it was recorded.
void event_recorded_too_early(bool broken) {
  const DeviceBuffer<float> x(32), y(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t copies = own_stream(), kernels = own_stream();
  const cudaEvent_t arrived = own_event();
  if (broken) (void)cudaEventRecord(arrived, copies);
  (void)cudaMemcpyAsync(x.data(), pinned_memory(), 128, cudaMemcpyHostToDevice, copies);
  if (!broken) (void)cudaEventRecord(arrived, copies);
  (void)cudaStreamWaitEvent(kernels, arrived, 0);
  launch_on(kernels, x, y);
}

// A kernel from x to y on one stream, and on another a copy that has to wait for it.
void copies_beside_a_kernel(bool broken, cudaMemcpyKind kind) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t copies = own_stream(), kernels = own_stream();
  const cudaEvent_t computed = own_event();
  launch_on(kernels, x, y);
  (void)cudaEventRecord(computed, kernels);
  if (!broken) (void)cudaStreamWaitEvent(copies, computed, 0);
  const bool in = kind == cudaMemcpyHostToDevice;
  (void)cudaMemcpyAsync(in ? x.data() : pinned_memory(), in ? pinned_memory() : y.data(), 128, kind,
                        copies);
}

void copies_over_what_is_read(bool broken) {
  copies_beside_a_kernel(broken, cudaMemcpyHostToDevice);
}

void copies_what_is_computed(bool broken) {
  copies_beside_a_kernel(broken, cudaMemcpyDeviceToHost);
}

// --- devices and streams ---

void freed_on_another_device(bool broken) {
  void* data = nullptr;
  (void)cudaMallocAsync(&data, 64, nullptr);
  const cuda::DeviceGuard guard(broken ? 1 : 0);
  (void)cudaFreeAsync(data, nullptr);
}

void freed_on_another_stream(bool broken) {
  const cudaStream_t stream = own_stream();
  void* data = nullptr;
  (void)cudaMallocAsync(&data, 64, stream);
  (void)cudaFreeAsync(data, broken ? nullptr : stream);
}

void launched_on_another_device(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  const cuda::DeviceGuard guard(broken ? 1 : 0);
  launch_on(nullptr, x, y);
}

void stream_of_another_device(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  (void)cudaDeviceSynchronize();
  const cudaStream_t stream = own_stream();
  const cuda::DeviceGuard guard(broken ? 1 : 0);
  launch_on(stream, x, y);
}

void leaves_another_device_current(bool broken) {
  emulator::expect_device_kept("a call", [&] {
    const cuda::DeviceGuard guard(0);
    if (broken) (void)cudaSetDevice(1);
  });
}

// --- graphs ---

void loads_while_a_stream_is_captured(bool broken) {
  const DeviceBuffer<float> x(std::vector<float>(32)), y(32);
  if (!broken) load_kernel(other_copy_kernel, with_shared(0));
  const emulator::Capture capture;
  cuda::launch(broken ? copy_kernel : other_copy_kernel, with_shared(0),
               Global<const float>(x.data()), Global<float>(y.data()));
}

void allocates_while_a_stream_is_captured(bool broken) {
  void* data = nullptr;
  {
    const emulator::Capture capture;
    if (broken) {
      (void)cudaMalloc(&data, 64);
    } else {
      (void)cudaMallocAsync(&data, 64, nullptr);
    }
  }
  (void)cudaFree(data);
}

const RuntimeBug bugs[] = {
    {"dynamic_memory_not_requested", Check::shared_memory_not_requested,
     dynamic_memory_not_requested},
    {"static_part_not_counted", Check::shared_memory_not_requested, static_part_not_counted},
    {"more_than_a_3090_has", Check::shared_memory_exceeded, more_than_the_device_has, 86},
    {"request_lowered_by_another", Check::shared_memory_not_requested, request_lowered_by_another},
    {"request_beyond_the_device", Check::shared_memory_not_requested, request_beyond_the_device},
    {"requested_on_another_device", Check::shared_memory_not_requested,
     requested_on_another_device},
    {"too_many_blocks_along_z", Check::invalid_launch, too_many_blocks_along_z},
    {"too_deep_a_block", Check::invalid_launch, too_deep_a_block},
    {"cluster_before_hopper", Check::invalid_launch, cluster_before_hopper, 80},
    {"hopper_instruction_on_ada", Check::unsupported_instruction, hopper_instruction_on_ada, 89},
    {"misaligned_2_bytes_twice", Check::misaligned_access, misaligned<std::uint16_t, 2>},
    {"misaligned_2_bytes_8_times", Check::misaligned_access, misaligned<std::uint16_t, 8>},
    {"misaligned_bytes", Check::misaligned_access, misaligned<std::uint8_t, 4>},
    {"misaligned_half_4_times", Check::misaligned_access, misaligned<Half, 4>},
    {"misaligned_bytes_16_times", Check::misaligned_access, misaligned<std::uint8_t, 16>},
    {"misaligned_int4", Check::misaligned_access, misaligned<std::int32_t, 4>},
    {"misaligned_long2", Check::misaligned_access, misaligned<std::int64_t, 2>},
    {"misaligned_float2", Check::misaligned_access, misaligned<float, 2>},
    {"misaligned_float4", Check::misaligned_access, misaligned<float, 4>},
    {"misaligned_double2", Check::misaligned_access, misaligned<double, 2>},
    {"misaligned_c64", Check::misaligned_access, misaligned_complex<float>},
    {"misaligned_c128", Check::misaligned_access, misaligned_complex<double>},
    {"reads_its_result_by_the_read_only_path", Check::read_only_load_of_written,
     reads_its_result_by_the_read_only_path},
    {"upload_not_waited_for", Check::unfinished_copy, upload_not_waited_for},
    {"device_copy_not_waited_for", Check::unfinished_copy, device_copy_not_waited_for},
    {"fill_not_waited_for", Check::unfinished_copy, fill_not_waited_for},
    {"copy_not_waited_for", Check::unfinished_copy, copy_not_waited_for},
    {"event_recorded_too_early", Check::unfinished_copy, event_recorded_too_early},
    {"copies_over_what_is_read", Check::unfinished_kernel, copies_over_what_is_read},
    {"copies_what_is_computed", Check::unfinished_kernel, copies_what_is_computed},
    {"freed_on_another_device", Check::wrong_device, freed_on_another_device},
    {"freed_on_another_stream", Check::wrong_stream, freed_on_another_stream},
    {"launched_on_another_device", Check::wrong_device, launched_on_another_device},
    {"stream_of_another_device", Check::wrong_device, stream_of_another_device},
    {"leaves_another_device_current", Check::device_not_restored, leaves_another_device_current},
    {"loads_while_a_stream_is_captured", Check::not_loaded, loads_while_a_stream_is_captured},
    {"allocates_while_a_stream_is_captured", Check::unsafe_in_capture,
     allocates_while_a_stream_is_captured},
};

INSTANTIATE_TEST_SUITE_P(All, RuntimeBugs, ::testing::ValuesIn(bugs),
                         [](const ::testing::TestParamInfo<RuntimeBug>& bug) {
                           return bug.param.name;
                         });

// Pinned memory is read and written beside the host, at the last moment.
TEST(PinnedMemory, IsReadAndWrittenUntilTheHostHasWaited) {
  machine = {};
  const DeviceBuffer<float> x(32);
  (void)cudaDeviceSynchronize();
  auto* host = static_cast<float*>(pinned_memory());
  const cudaStream_t stream = own_stream();
  host[0] = 1;
  (void)cudaMemcpyAsync(x.data(), host, 128, cudaMemcpyHostToDevice, stream);
  host[0] = 2;  // too early: the copy may not have begun
  (void)cudaStreamSynchronize(stream);
  host[0] = 3;
  (void)cudaMemcpyAsync(host, x.data(), 128, cudaMemcpyDeviceToHost, stream);
  EXPECT_TRUE(std::isnan(host[0])) << "nobody has waited";
  (void)cudaStreamSynchronize(stream);
  EXPECT_EQ(host[0], 2);
  cudaPointerAttributes found{};
  (void)cudaPointerGetAttributes(&found, host + 5);
  EXPECT_EQ(found.type, cudaMemoryTypeHost);
}

TEST(DeviceMemory, IsCountedAndCapped) {
  machine = {};
  emulator::reset_peak_memory();
  const std::size_t all = emulator::memory_use(0).now + 1000;
  emulator::set_memory_bytes(all);
  void* first = nullptr;
  void* second = nullptr;
  EXPECT_EQ(cudaMalloc(&first, 600), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&second, 401), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaMalloc(&second, 400), cudaSuccess);
  EXPECT_EQ(emulator::memory_use(0).peak, all);
  std::size_t free = 1, total = 0;
  EXPECT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(free, 0u);
  (void)cudaFree(first);
  (void)cudaFree(second);
  EXPECT_EQ(emulator::memory_use(0).now, all - 1000);
  emulator::set_memory_bytes(emulator::default_memory_bytes);
}

// Every record: a kernel gets all that the device has and nothing beyond.
TEST(DeviceRecords, AreTheLimitsOfLaunches) {
  for (const emulator::DeviceRecord& record : emulator::device_records()) {
    machine = {};
    machine.limits = record.limits;
    const DeviceBuffer<float> y(32);
    const auto max = static_cast<std::size_t>(record.limits.max_shared);
    EXPECT_NO_THROW(start(dynamic_kernel, with_shared(max), Global<float>(y.data())))
        << record.name;
    EXPECT_THROW(load_kernel(dynamic_kernel, with_shared(max + 1)), DeviceError) << record.name;
    EXPECT_THROW(cuda::launch(dynamic_kernel, with_shared(max + 1), Global<float>(y.data())),
                 emulator::Violation)
        << record.name;
  }
  machine = {};
}

}  // namespace
}  // namespace faltung::emulator_kernels
