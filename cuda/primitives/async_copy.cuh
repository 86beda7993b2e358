#pragma once

#include "cuda/primitives/shared_address.cuh"

/// cp.async: copies from global to shared memory that a thread issues, groups and waits for. What
/// lands is then seen by the thread itself; others need a barrier. sm_80.
namespace faltung::cuda {

/// Copies `bytes`, 4, 8 or 16 and aligned to that on both sides. Only the first `source_bytes` are
/// read, the rest arrive as zeros; with 0, `from` may point anywhere.
template <int bytes, typename T>
__device__ __forceinline__ void copy_async(Shared<T> to, Global<const T> from,
                                           int source_bytes = bytes) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
#ifdef FALTUNG_EMULATOR
  emulator::copy_async(to.data(), to.bounds(), from.data(), bytes,
                       static_cast<unsigned>(source_bytes));
#else
  if constexpr (bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                 "l"(from.data()), "r"(source_bytes)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(to)),
                 "l"(from.data()), "n"(bytes), "r"(source_bytes)
                 : "memory");
  }
#endif
}

/// Ends a group: the copies issued since the last one.
__device__ __forceinline__ void copy_async_commit() {
#ifdef FALTUNG_EMULATOR
  emulator::copy_async_commit();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits until at most the `still_pending` youngest groups of this thread are under way.
template <int still_pending>
__device__ __forceinline__ void copy_async_wait() {
#ifdef FALTUNG_EMULATOR
  emulator::copy_async_wait(still_pending);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(still_pending) : "memory");
#endif
}

}  // namespace faltung::cuda
