#include "tests/emulator/host_runtime.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/kernel_resources.hpp"
#include "tests/emulator/launch_order.hpp"
#include "tests/emulator/memory_checker.hpp"
#include "tests/emulator/memory_use.hpp"
#include "tests/emulator/stream_work.hpp"
#include "tests/emulator/toolkit/cuda_runtime.h"
#include "tests/emulator/toolkit/cuda_streams_api.h"

namespace faltung::emulator {
namespace {

int captures = 0;
int allocations_left = 0;  // before one fails

std::size_t memory_bytes = default_memory_bytes;  // of each device

std::map<int, MemoryUse>& memory() {
  static std::map<int, MemoryUse> map;
  return map;
}

void release(const Allocation& allocation) {
  memory()[allocation.device].now -= allocation.bytes;
  release_memory(allocation);
}

cudaError_t make_allocation(void** pointer, std::size_t bytes, bool ordered, cudaStream_t stream,
                            cudaMemPool_t pool) {
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (allocations_left > 0 && --allocations_left == 0) return answer(cudaErrorMemoryAllocation);
  MemoryUse& use = memory()[machine.current];
  if (bytes > memory_bytes - std::min(memory_bytes, use.now)) {
    return answer(cudaErrorMemoryAllocation);
  }
  Allocation* made = allocate_memory(bytes);
  if (made == nullptr) return answer(cudaErrorMemoryAllocation);
  use.now += bytes;
  use.peak = std::max(use.peak, use.now);
  made->device = machine.current;
  made->stream_ordered = ordered;
  made->stream = stream;
  made->pool = pool;
  made->kept = pool == nullptr ? 0 : pool->kept;
  *pointer = made->begin;
  return cudaSuccess;
}

}  // namespace

MemoryUse memory_use(int device) { return memory()[device]; }
void reset_peak_memory() {
  for (auto& [device, use] : memory()) use.peak = use.now;
}

void set_memory_bytes(std::size_t bytes) { memory_bytes = bytes; }

void fail_allocation(int nth) { allocations_left = nth; }

Capture::Capture() { ++captures; }
Capture::~Capture() { --captures; }

bool is_capturing() { return captures != 0; }

void forbid_in_capture(std::string_view call) {
  if (!is_capturing()) return;
  fail(Check::unsafe_in_capture, std::string(call) + " while a stream is captured");
}

void expect_device_kept(std::string_view what, const std::function<void()>& f) {
  const int before = machine.current;
  f();
  if (machine.current == before) return;
  fail(Check::device_not_restored, std::string(what) + " leaves device " +
                                       std::to_string(machine.current) + " current where it was " +
                                       std::to_string(before));
}

void check_launch(const LaunchSpec& spec) {
  check_stream(spec.stream, "a launch");
  if (captures != 0 && !is_loaded(spec.function)) {
    fail(Check::not_loaded,
         "the first launch on a device would load code while a stream is captured");
  }
  check_shared(spec, static_shared_bytes(spec.function));
  check_registers(spec);
  finish_before(spec.stream);
  note_launch(execution().launch, queue_of(spec.stream));
}

std::size_t kept_by_pool_of(const void* address) {
  const Allocation* found = allocation_at(address);
  return found == nullptr ? 0 : found->kept;
}

const void* pool_of(const void* address) {
  const Allocation* found = allocation_at(address);
  return found == nullptr ? nullptr : found->pool;
}

}  // namespace faltung::emulator

namespace emulator = faltung::emulator;

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  const auto turn = emulator::take_turn();
  emulator::forbid_in_capture("cudaMalloc");
  return emulator::make_allocation(pointer, bytes, false, nullptr, nullptr);
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  const auto turn = emulator::take_turn();
  emulator::check_stream(stream, "cudaMallocAsync");
  return emulator::make_allocation(pointer, bytes, true, stream, nullptr);
}

cudaError_t cudaMallocFromPoolAsync(void** pointer, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  const auto turn = emulator::take_turn();
  emulator::check_stream(stream, "cudaMallocFromPoolAsync");
  if (pool->device != emulator::machine.current) {
    emulator::fail(emulator::Check::wrong_device, "memory from a pool of another device");
  }
  return emulator::make_allocation(pointer, bytes, true, stream, pool);
}

cudaError_t cudaFree(void* pointer) {
  const auto turn = emulator::take_turn();
  if (pointer == nullptr) return cudaSuccess;
  emulator::forbid_in_capture("cudaFree");
  emulator::Allocation* found = emulator::allocation_at(pointer);
  if (found == nullptr || found->begin != pointer) return cudaErrorInvalidValue;
  if (found->device != emulator::machine.current) {
    emulator::fail(emulator::Check::wrong_device,
                   "cudaFree of memory of device " + std::to_string(found->device) +
                       " while device " + std::to_string(emulator::machine.current) +
                       " is current");
  }
  emulator::finish_device();
  emulator::release(*found);
  return cudaSuccess;
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  const auto turn = emulator::take_turn();
  if (pointer == nullptr) return cudaSuccess;
  emulator::check_stream(stream, "cudaFreeAsync");
  emulator::Allocation* found = emulator::allocation_at(pointer);
  if (found == nullptr || found->begin != pointer) return cudaErrorInvalidValue;
  if (found->device != emulator::device_of(stream)) {
    emulator::fail(emulator::Check::wrong_device,
                   "cudaFreeAsync of memory of device " + std::to_string(found->device) +
                       " on a stream of device " + std::to_string(emulator::device_of(stream)));
  }
  if (found->stream_ordered && found->stream != stream) {
    emulator::fail(emulator::Check::wrong_stream,
                   "cudaFreeAsync on another stream than the memory's own, which may still use it");
  }
  emulator::finish_before(stream);
  emulator::release(*found);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* pointer, int value, std::size_t bytes, cudaStream_t stream) {
  const auto turn = emulator::take_turn();
  if (bytes == 0) return cudaSuccess;
  emulator::check_stream(stream, "cudaMemsetAsync");
  emulator::finish_before(stream);
  emulator::begin_fill(pointer, static_cast<unsigned char>(value), bytes, stream);
  return cudaSuccess;
}

cudaError_t cudaMemset(void* pointer, int value, std::size_t bytes) {
  emulator::forbid_in_capture("cudaMemset");
  return cudaMemsetAsync(pointer, value, bytes, nullptr);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  const auto turn = emulator::take_turn();
  if (bytes == 0) return cudaSuccess;
  emulator::forbid_in_capture("cudaMemcpy");
  emulator::finish_before(nullptr);
  if (emulator::allocation_at(to) == nullptr) {
    emulator::copy_at_once(to, from, bytes, nullptr);
  } else {
    emulator::copy_later(to, from, bytes, nullptr, false);
  }
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  const auto turn = emulator::take_turn();
  if (bytes == 0) return cudaSuccess;
  emulator::check_stream(stream, "cudaMemcpyAsync");
  emulator::finish_before(stream);
  if (emulator::allocation_at(to) == nullptr && !emulator::is_pinned(to)) {
    emulator::copy_at_once(to, from, bytes, stream);
  } else {
    emulator::copy_later(to, from, bytes, stream, true);
  }
  return cudaSuccess;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  *pool = new CUmemPoolHandle_st{properties->location.id, 0};  // pools live as long as the process
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr, void* value) {
  std::memcpy(&pool->kept, value, sizeof pool->kept);
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  static std::uint64_t streams = 0;
  *stream =
      new CUstream_st{emulator::machine.current, (flags & cudaStreamNonBlocking) != 0, ++streams};
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  emulator::finish_stream(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const auto turn = emulator::take_turn();
  emulator::forbid_in_capture("cudaStreamSynchronize");
  emulator::check_stream(stream, "cudaStreamSynchronize");
  emulator::finish_stream(stream);
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const auto turn = emulator::take_turn();
  emulator::check_stream(stream, "cudaStreamIsCapturing");
  *status = emulator::is_capturing() ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaDeviceSynchronize() {
  const auto turn = emulator::take_turn();
  emulator::forbid_in_capture("cudaDeviceSynchronize");
  emulator::finish_device();
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const emulator::MemoryUse use = emulator::memory_use(emulator::machine.current);
  *total = emulator::memory_bytes;
  *free = *total - std::min(*total, use.now);
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  using emulator::machine;
  if (device < 0 || device >= machine.devices) return emulator::answer(cudaErrorInvalidDevice);
  *properties = {.name = {},
                 .totalGlobalMem = emulator::memory_bytes,
                 .sharedMemPerBlockOptin = static_cast<std::size_t>(machine.limits.max_shared),
                 .major = machine.limits.major,
                 .minor = machine.limits.minor,
                 .multiProcessorCount = machine.limits.multiprocessors,
                 .l2CacheSize = 60 << 20};
  std::memcpy(properties->name, machine.name.c_str(), machine.name.size() + 1);
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  using emulator::machine;
  if (device < 0 || device >= machine.devices) return emulator::answer(cudaErrorInvalidDevice);
  const faltung::GpuLimits& limits = machine.limits;
  using Value = std::pair<cudaDeviceAttr, std::int64_t>;
  const Value values[] = {
      // asked for at every launch
      {cudaDevAttrComputeCapabilityMajor, limits.major},
      {cudaDevAttrComputeCapabilityMinor, limits.minor},
      {cudaDevAttrMultiProcessorCount, limits.multiprocessors},
      {cudaDevAttrClockRate, machine.clock_khz},
      {cudaDevAttrMemoryClockRate, machine.memory_khz},
      {cudaDevAttrGlobalMemoryBusWidth, machine.bus_bits},
      {cudaDevAttrL2CacheSize, emulator::chosen_record().machine.l2_bytes},
      {cudaDevAttrMaxSharedMemoryPerBlock, limits.shared_default},
      {cudaDevAttrMaxSharedMemoryPerBlockOptin, limits.max_shared},
      {cudaDevAttrMaxSharedMemoryPerMultiprocessor, limits.shared_of_multiprocessor},
      {cudaDevAttrReservedSharedMemoryPerBlock, limits.shared_reserved},
      {cudaDevAttrMaxRegistersPerBlock, limits.registers_of_block},
      {cudaDevAttrMaxRegistersPerMultiprocessor, limits.registers_of_multiprocessor},
      {cudaDevAttrMaxThreadsPerBlock, limits.threads_of_block},
      {cudaDevAttrMaxThreadsPerMultiProcessor, limits.threads_of_multiprocessor},
      {cudaDevAttrMaxBlocksPerMultiprocessor, limits.blocks_of_multiprocessor}};
  const auto* const found = std::ranges::find(values, attribute, &Value::first);
  if (found == std::end(values)) throw std::out_of_range("an attribute that no device here has");
  *value = static_cast<int>(found->second);
  return emulator::answer(cudaSuccess);
}
