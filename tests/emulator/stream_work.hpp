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

/// @throws Violation wrong_device
void check_stream(cudaStream_t stream, const char* what);

void begin_fill(void* to, unsigned char value, std::size_t bytes, cudaStream_t stream);
/// To the host: the call returns when it is there, and with it all before it.
void copy_at_once(void* to, const void* from, std::size_t bytes, cudaStream_t stream);
void copy_later(void* to, const void* from, std::size_t bytes, cudaStream_t stream);

}  // namespace faltung::emulator
