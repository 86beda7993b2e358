#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/emulator/launch_order.hpp"
#include "tests/emulator/toolkit/cuda_runtime.h"

// What the toolkit keeps behind its pointers.
struct CUstream_st {
  int device;
  bool non_blocking;
  std::uint64_t id;  ///< unique in the process, from 1
};
struct CUevent_st {
  int device;
  faltung::emulator::StreamClock clock;  ///< what it waits for; nothing before its first record
};
struct CUmemPoolHandle_st {
  int device;
  std::uint64_t kept;
};

/// Copies and fills of streams, which end as late as they may: host_runtime.hpp says when.
namespace faltung::emulator {

[[nodiscard]] int device_of(cudaStream_t stream);
[[nodiscard]] Queue queue_of(cudaStream_t stream);

/// Ends what the next piece of work of a stream comes after.
void finish_before(cudaStream_t stream);

/// @throws Violation unfinished_copy if a copy or fill wrote these bytes that `queue` does not come
/// after.
void check_landed(const void* address, std::size_t bytes, const Queue& queue, const char* what);

/// @throws Violation wrong_device
void check_stream(cudaStream_t stream, const char* what);

void begin_fill(void* to, unsigned char value, std::size_t bytes, cudaStream_t stream);
/// To the host: the call returns when it is there, and with it all before it.
void copy_at_once(void* to, const void* from, std::size_t bytes, cudaStream_t stream);
/// @param beside  the call returns before memory of the host that is pinned has been read or
/// written
void copy_later(void* to, const void* from, std::size_t bytes, cudaStream_t stream, bool beside);

/// The host has waited for all of that.
void finish_for_host(const StreamClock& clock);

/// Memory of the host that copies run beside.
void note_pinned(const void* begin, std::size_t bytes);
/// @return  whether it was
bool forget_pinned(const void* begin);
[[nodiscard]] bool is_pinned(const void* address);

}  // namespace faltung::emulator
