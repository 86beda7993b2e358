#pragma once

#include <cuda.h>

#include "cuda/primitives/barrier.cuh"

/// The copy engine (TMA): one thread moves a whole tile between global and shared memory. sm_90.
///
/// Loads complete on an mbarrier, which must expect their bytes, those outside the tensor included.
/// Stores are grouped and waited for by the thread that issued them. Coordinates are in elements,
/// innermost first, of a tensor map (cuda/runtime/tensor_map.hpp) that the kernel takes as
///     const __grid_constant__ CUtensorMap map
/// No engine takes them yet, the tests of the emulator do.
namespace faltung::cuda {

#ifdef FALTUNG_EMULATOR
namespace detail {

template <typename T, std::size_t rank>
emulator::TensorTransfer transfer(Shared<T> shared, const CUtensorMap& map, const int (&at)[rank]) {
  emulator::TensorTransfer result;
  result.shared = const_cast<std::remove_const_t<T>*>(shared.data());
  result.bounds = shared.bounds();
  result.map = &map;
  result.rank = rank;
  for (std::size_t i = 0; i < rank; ++i) result.at[i] = at[i];
  return result;
}

}  // namespace detail
#endif

/// Starts fetching a tensor map, so that the first copy does not wait for it.
__device__ __forceinline__ void prefetch_tensor_map(const CUtensorMap& map) {
#ifdef FALTUNG_EMULATOR
  (void)map;
#else
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
#endif
}

/// Copies `bytes`, a multiple of 16, of contiguous memory; both sides aligned to 16.
template <typename T>
__device__ __forceinline__ void bulk_load(Shared<T> to, Global<const T> from, int bytes,
                                          Shared<Mbarrier> barrier) {
#ifdef FALTUNG_EMULATOR
  emulator::bulk_load(to.data(), to.bounds(), from.data(), bytes, barrier.data());
#else
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(shared_address(to)),
      "l"(from.data()), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
#endif
}
template <typename T>
__device__ __forceinline__ void bulk_store(Global<T> to, Shared<T> from, int bytes) {
#ifdef FALTUNG_EMULATOR
  emulator::bulk_store(to.data(), from.data(), from.bounds(), bytes);
#else
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(to.data()),
               "r"(shared_address(from)), "r"(bytes)
               : "memory");
#endif
}

#ifndef FALTUNG_EMULATOR
// The instructions differ in rank only in the list of coordinates.
#define FALTUNG_AT_1 "{%3}"
#define FALTUNG_AT_2 "{%3, %4}"
#define FALTUNG_AT_3 "{%3, %4, %5}"
#define FALTUNG_AT_4 "{%3, %4, %5, %6}"
#define FALTUNG_AT_5 "{%3, %4, %5, %6, %7}"
#define FALTUNG_COORDINATES_1 "r"(at[0])
#define FALTUNG_COORDINATES_2 FALTUNG_COORDINATES_1, "r"(at[1])
#define FALTUNG_COORDINATES_3 FALTUNG_COORDINATES_2, "r"(at[2])
#define FALTUNG_COORDINATES_4 FALTUNG_COORDINATES_3, "r"(at[3])
#define FALTUNG_COORDINATES_5 FALTUNG_COORDINATES_4, "r"(at[4])
#define FALTUNG_LOAD(rank, mode, more, more_operands, ...)                           \
  asm volatile("cp.async.bulk.tensor." #rank "d.shared::cluster.global" mode         \
               ".mbarrier::complete_tx::bytes" more " [%0], [%1, " FALTUNG_AT_##rank \
               "], [%2]" more_operands ";" ::"r"(shared_address(to)),                \
               "l"(&map), "r"(shared_address(barrier)),                              \
               FALTUNG_COORDINATES_##rank __VA_OPT__(, ) __VA_ARGS__                 \
               : "memory")
#endif

/// Loads the box of a tiled map at `at`.
template <typename T, int rank>
__device__ __forceinline__ void tensor_load(Shared<T> to, const CUtensorMap& map,
                                            const int (&at)[rank], Shared<Mbarrier> barrier) {
#ifdef FALTUNG_EMULATOR
  emulator::TensorTransfer transfer = detail::transfer(to, map, at);
  transfer.mbarrier = barrier.data();
  emulator::tensor_load(transfer);
#else
  if constexpr (rank == 1) FALTUNG_LOAD(1, "", "", "");
  if constexpr (rank == 2) FALTUNG_LOAD(2, "", "", "");
  if constexpr (rank == 3) FALTUNG_LOAD(3, "", "", "");
  if constexpr (rank == 4) FALTUNG_LOAD(4, "", "", "");
  if constexpr (rank == 5) FALTUNG_LOAD(5, "", "", "");
#endif
}

/// The same into every block of the cluster whose bit is set in `blocks`, at the same place; each
/// block's own mbarrier at the place of `barrier` gets the bytes.
template <typename T, int rank>
__device__ __forceinline__ void tensor_load_multicast(Shared<T> to, const CUtensorMap& map,
                                                      const int (&at)[rank],
                                                      Shared<Mbarrier> barrier,
                                                      std::uint16_t blocks) {
#ifdef FALTUNG_EMULATOR
  emulator::TensorTransfer transfer = detail::transfer(to, map, at);
  transfer.mbarrier = barrier.data();
  transfer.blocks = blocks;
  emulator::tensor_load(transfer);
#else
  if constexpr (rank == 1) FALTUNG_LOAD(1, "", ".multicast::cluster", ", %4", "h"(blocks));
  if constexpr (rank == 2) FALTUNG_LOAD(2, "", ".multicast::cluster", ", %5", "h"(blocks));
  if constexpr (rank == 3) FALTUNG_LOAD(3, "", ".multicast::cluster", ", %6", "h"(blocks));
  if constexpr (rank == 4) FALTUNG_LOAD(4, "", ".multicast::cluster", ", %7", "h"(blocks));
  if constexpr (rank == 5) FALTUNG_LOAD(5, "", ".multicast::cluster", ", %8", "h"(blocks));
#endif
}

/// Loads pixels of an im2col map: `at` is (c, w, [h, [d,]] n) of the first, `offset` (w, [h, [d]])
/// is added to each pixel's coordinates: the filter tap times the dilation.
template <typename T, int rank, int offsets>
__device__ __forceinline__ void tensor_load_im2col(Shared<T> to, const CUtensorMap& map,
                                                   const int (&at)[rank],
                                                   const int (&offset)[offsets],
                                                   Shared<Mbarrier> barrier) {
  static_assert(rank >= 3 && rank <= 5 && offsets == rank - 2);
#ifdef FALTUNG_EMULATOR
  emulator::TensorTransfer transfer = detail::transfer(to, map, at);
  transfer.mbarrier = barrier.data();
  transfer.im2col = true;
  for (int i = 0; i < offsets; ++i) transfer.offset[i] = offset[i];
  emulator::tensor_load(transfer);
#else
  std::uint16_t o[offsets];
  for (int i = 0; i < offsets; ++i) o[i] = static_cast<std::uint16_t>(offset[i]);
  if constexpr (rank == 3) FALTUNG_LOAD(3, ".im2col", "", ", {%6}", "h"(o[0]));
  if constexpr (rank == 4) FALTUNG_LOAD(4, ".im2col", "", ", {%7, %8}", "h"(o[0]), "h"(o[1]));
  if constexpr (rank == 5) {
    FALTUNG_LOAD(5, ".im2col", "", ", {%8, %9, %10}", "h"(o[0]), "h"(o[1]), "h"(o[2]));
  }
#endif
}

/// Stores the box of a tiled map; what lies outside the tensor is left out.
template <typename T, int rank>
__device__ __forceinline__ void tensor_store(const CUtensorMap& map, const int (&at)[rank],
                                             Shared<T> from) {
#ifdef FALTUNG_EMULATOR
  emulator::tensor_store(detail::transfer(from, map, at));
#else
// Operand 2 is unused: it keeps the coordinates at 3, as above.
#define FALTUNG_STORE(rank)                                              \
  asm volatile("cp.async.bulk.tensor." #rank                             \
               "d.global.shared::cta.bulk_group [%1, " FALTUNG_AT_##rank \
               "], [%0];" ::"r"(shared_address(from)),                   \
               "l"(&map), "n"(0), FALTUNG_COORDINATES_##rank             \
               : "memory")
  if constexpr (rank == 1) FALTUNG_STORE(1);
  if constexpr (rank == 2) FALTUNG_STORE(2);
  if constexpr (rank == 3) FALTUNG_STORE(3);
  if constexpr (rank == 4) FALTUNG_STORE(4);
  if constexpr (rank == 5) FALTUNG_STORE(5);
#undef FALTUNG_STORE
#endif
}

/// Ends a group of stores.
__device__ __forceinline__ void bulk_commit() {
#ifdef FALTUNG_EMULATOR
  emulator::bulk_commit();
#else
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
#endif
}

/// Waits until at most the `still_pending` youngest groups may still read shared memory, which can
/// then be written again. Before a block exits, its stores must have come this far.
template <int still_pending>
__device__ __forceinline__ void bulk_wait_read() {
#ifdef FALTUNG_EMULATOR
  emulator::bulk_wait(still_pending, true);
#else
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(still_pending) : "memory");
#endif
}

/// Waits until the stores have also reached global memory.
template <int still_pending>
__device__ __forceinline__ void bulk_wait() {
#ifdef FALTUNG_EMULATOR
  emulator::bulk_wait(still_pending, false);
#else
  asm volatile("cp.async.bulk.wait_group %0;" ::"n"(still_pending) : "memory");
#endif
}

#undef FALTUNG_LOAD

}  // namespace faltung::cuda
