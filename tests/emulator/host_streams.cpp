#include "tests/emulator/toolkit/cuda_streams_api.h"

#include <algorithm>
#include <new>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/launch_order.hpp"
#include "tests/emulator/memory_checker.hpp"
#include "tests/emulator/stream_work.hpp"

// Events, and memory of the host that copies run beside.
namespace emulator = faltung::emulator;

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st{emulator::machine.current, {}};
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const auto turn = emulator::take_turn();
  emulator::check_stream(stream, "cudaEventRecord");
  if (event->device != emulator::device_of(stream)) {
    emulator::fail(emulator::Check::wrong_device, "an event is recorded on another device");
  }
  event->clock = emulator::clock_of(emulator::queue_of(stream));
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const auto turn = emulator::take_turn();
  emulator::wait_for(emulator::queue_of(stream), event->clock);
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const auto turn = emulator::take_turn();
  emulator::forbid_in_capture("cudaEventSynchronize");
  emulator::finish_for_host(event->clock);
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned) {
  const auto turn = emulator::take_turn();
  emulator::forbid_in_capture("cudaHostAlloc");
  *pointer = ::operator new (std::max<std::size_t>(bytes, 1), std::align_val_t{256});
  emulator::note_pinned(*pointer, bytes);
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaFreeHost(void* pointer) {
  const auto turn = emulator::take_turn();
  if (pointer == nullptr) return cudaSuccess;
  emulator::finish_device();
  if (!emulator::forget_pinned(pointer)) return emulator::answer(cudaErrorInvalidValue);
  ::operator delete (pointer, std::align_val_t{256});
  return emulator::answer(cudaSuccess);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  *attributes = {.type = emulator::allocation_at(pointer) != nullptr ? cudaMemoryTypeDevice
                         : emulator::is_pinned(pointer)              ? cudaMemoryTypeHost
                                                                     : cudaMemoryTypeUnregistered};
  return emulator::answer(cudaSuccess);
}
