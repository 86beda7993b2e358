#pragma once

#include "cuda/primitives/shared_address.cuh"

/// Barriers beyond __syncthreads: the block's named barriers, mbarriers in shared memory, and the
/// barrier of a cluster; and the fences that go with them.
///
/// An mbarrier completes a phase when all its arrivals and all bytes expected in the phase have
/// come. The n-th phase, from 0, has parity n % 2; waiting for a parity passes once the phase of
/// that parity is complete, so on a fresh barrier waiting for parity 1 passes at once.
///
/// mbarriers and clusters are for bulk copies; no engine takes them yet, the tests of the emulator
/// do.
namespace faltung::cuda {

/// Waits until `threads` threads of the block, whole warps, have arrived at barrier `id`, 0 to 15.
/// Number 0 is that of __syncthreads.
__device__ __forceinline__ void named_barrier_sync(int id, int threads) {
#ifdef FALTUNG_EMULATOR
  emulator::sync_named(id, threads, true);
#else
  asm volatile("barrier.sync.aligned %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

/// Arrives at the barrier without waiting: for the side that only signals.
__device__ __forceinline__ void named_barrier_arrive(int id, int threads) {
#ifdef FALTUNG_EMULATOR
  emulator::sync_named(id, threads, false);
#else
  asm volatile("barrier.arrive.aligned %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

/// A barrier that lives in shared memory. Only the functions below touch it.
struct alignas(8) Mbarrier {
  std::uint64_t state;
};

/// Makes a barrier of `arrivals` arrivals per phase. Done by one thread; afterwards that thread
/// calls fence_mbarrier_init(), and a barrier of the block or cluster follows.
__device__ __forceinline__ void mbarrier_init(Shared<Mbarrier> barrier, int arrivals) {
#ifdef FALTUNG_EMULATOR
  emulator::mbarrier_init(barrier.data(), arrivals);
#else
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals)
               : "memory");
#endif
}

/// Shows initialised mbarriers to the copy engine and to other blocks of the cluster.
__device__ __forceinline__ void fence_mbarrier_init() {
#ifdef FALTUNG_EMULATOR
  emulator::fence_proxy();
#else
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

/// Shows this thread's ordinary writes to shared memory to the copy engine and to wgmma. Every
/// writing thread calls it before the barrier that the issuing thread waits at.
__device__ __forceinline__ void fence_async_proxy() {
#ifdef FALTUNG_EMULATOR
  emulator::fence_proxy();
#else
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

__device__ __forceinline__ void mbarrier_arrive(Shared<Mbarrier> barrier) {
#ifdef FALTUNG_EMULATOR
  emulator::mbarrier_arrive(barrier.data(), 0);
#else
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
               : "memory");
#endif
}

/// Arrives and announces `bytes` that copies of this phase will bring.
__device__ __forceinline__ void mbarrier_arrive_expect(Shared<Mbarrier> barrier, int bytes) {
#ifdef FALTUNG_EMULATOR
  emulator::mbarrier_arrive(barrier.data(), bytes);
#else
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
#endif
}

/// Arrives when all cp.async that this thread has issued so far have landed. Counts as one of the
/// arrivals the barrier was made for.
__device__ __forceinline__ void mbarrier_arrive_on_copies(Shared<Mbarrier> barrier) {
#ifdef FALTUNG_EMULATOR
  emulator::mbarrier_arrive_on_copies(barrier.data());
#else
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(shared_address(barrier))
               : "memory");
#endif
}

/// Whether the phase of this parity is complete; may say no although it is.
__device__ __forceinline__ bool mbarrier_try_wait(Shared<Mbarrier> barrier, int parity) {
#ifdef FALTUNG_EMULATOR
  return emulator::mbarrier_try_wait(barrier.data(), parity);
#else
  unsigned complete;
  asm volatile(
      "{\n"
      ".reg .pred complete;\n"
      "mbarrier.try_wait.parity.shared::cta.b64 complete, [%1], %2;\n"
      "selp.u32 %0, 1, 0, complete;\n"
      "}"
      : "=r"(complete)
      : "r"(shared_address(barrier)), "r"(parity)
      : "memory");
  return complete != 0;
#endif
}

__device__ __forceinline__ void mbarrier_wait(Shared<Mbarrier> barrier, int parity) {
  while (!mbarrier_try_wait(barrier, parity)) {
  }
}

/// This block's number in its cluster.
__device__ __forceinline__ int cluster_rank() {
#ifdef FALTUNG_EMULATOR
  return emulator::cluster_rank();
#else
  int rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
#endif
}

/// The same place in the shared memory of block `rank` of the cluster.
template <typename T>
__device__ __forceinline__ Shared<T> at_rank(Shared<T> pointer, int rank) {
#ifdef FALTUNG_EMULATOR
  const std::ptrdiff_t shift = emulator::rank_distance(rank);
  auto* data = const_cast<std::remove_const_t<T>*>(pointer.data());
  return Shared<T>(reinterpret_cast<T*>(reinterpret_cast<std::byte*>(data) + shift),
                   {pointer.bounds().begin + shift, pointer.bounds().end + shift});
#else
  std::uint64_t address;
  asm volatile("mapa.u64 %0, %1, %2;"
               : "=l"(address)
               : "l"(reinterpret_cast<std::uint64_t>(pointer.data())), "r"(rank));
  return Shared<T>(reinterpret_cast<T*>(address));
#endif
}

/// Arrives at the barrier of another block of the cluster.
__device__ __forceinline__ void mbarrier_arrive_at(Shared<Mbarrier> barrier, int rank) {
#ifdef FALTUNG_EMULATOR
  emulator::mbarrier_arrive(at_rank(barrier, rank).data(), 0);
#else
  asm volatile(
      "{\n"
      ".reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote];\n"
      "}" ::"r"(shared_address(barrier)),
      "r"(rank)
      : "memory");
#endif
}

/// Arrives at the barrier of all threads of the cluster; cluster_wait() must follow.
__device__ __forceinline__ void cluster_arrive() {
#ifdef FALTUNG_EMULATOR
  emulator::cluster_arrive();
#else
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void cluster_wait() {
#ifdef FALTUNG_EMULATOR
  emulator::cluster_wait();
#else
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void cluster_sync() {
  cluster_arrive();
  cluster_wait();
}

}  // namespace faltung::cuda
