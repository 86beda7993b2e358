#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>

#include "tests/emulator/toolkit/vector_types.hpp"
#include "tests/emulator/toolkit/where.hpp"

struct CUstream_st;
struct CUtensorMap;

/// What kernels call, through CUDA's names (cuda_runtime.h beside this file) and through
/// cuda/primitives/. Every function acts for the thread that is running.
namespace faltung::emulator {

enum class Access : std::uint8_t { read, write, atomic };

/// The array a shared-memory pointer was made from; empty for global memory, whose allocations are
/// looked up by address.
struct Bounds {
  std::byte* begin = nullptr;
  std::byte* end = nullptr;
};

/// Checks and counts one access of 1 to 16 bytes, aligned to its size. The address this returns to
/// tells one instruction of the kernel from another.
void access_global(Access kind, const void* address, unsigned bytes);
/// Before a read through the read-only path, which may be older than what this launch writes.
void note_read_only(const void* address, unsigned bytes);
void access_shared(Access kind, const void* address, unsigned bytes, const Bounds& bounds);

/// One index per axis into a view of these extents; an element beyond one may well exist elsewhere.
void check_index(std::initializer_list<std::ptrdiff_t> index, const int* extent);

/// `bytes` of the block's dynamic shared memory from `offset` on.
Bounds dynamic_shared(std::size_t offset, std::size_t bytes);
/// One array per block and `key`, the address of something that is unique to the declaration.
Bounds static_shared(const void* key, std::size_t bytes, std::size_t alignment);
/// The 32-bit address that descriptors and PTX use; of the block's own memory.
[[nodiscard]] std::uint32_t shared_address(const void* address);

enum class Vote : std::uint8_t { count, any, all };
/// __syncthreads and its reducing forms.
int sync_block(Vote vote, int predicate, const Where& where);
/// Barrier `id` for `threads` threads of the block; without `wait` the thread only arrives.
void sync_named(int id, int threads, bool wait);

void sync_warp(unsigned mask, const Where& where);
unsigned ballot(unsigned mask, int predicate, const Where& where);
enum class Shuffle : std::uint8_t { index, up, down, exclusive_or };
/// Reads `bytes` at `value` of another lane into `result`.
void shuffle(Shuffle kind, unsigned mask, const void* value, void* result, unsigned bytes,
             int operand, int width, const Where& where);
enum class Reduction : std::uint8_t { add, min, max, bit_and, bit_or, bit_xor };
std::int64_t reduce(Reduction kind, unsigned mask, std::int64_t value, const Where& where);

/// cp.async of 4, 8 or 16 bytes; past `source_bytes` zeros arrive.
void copy_async(void* to, const Bounds& bounds, const void* from, unsigned bytes,
                unsigned source_bytes);
void copy_async_commit();
void copy_async_wait(unsigned still_pending);

void mbarrier_init(void* mbarrier, int arrivals);
/// Expects `bytes` more in this phase, then arrives.
void mbarrier_arrive(void* mbarrier, int bytes);
void mbarrier_arrive_on_copies(void* mbarrier);
bool mbarrier_try_wait(void* mbarrier, int parity);
/// fence.proxy.async and fence.mbarrier_init.
void fence_proxy();

int cluster_rank();
/// Bytes from an address in the own shared memory to the same place in that of block `rank`.
std::ptrdiff_t rank_distance(int rank);
void cluster_arrive();
void cluster_wait();

/// One cp.async.bulk.tensor.
struct TensorTransfer {
  void* shared = nullptr;
  Bounds bounds;
  const CUtensorMap* map = nullptr;
  int rank = 0;
  std::array<int, 5> at{};
  void* mbarrier = nullptr;  ///< loads
  bool im2col = false;
  std::array<int, 3> offset{};  ///< im2col
  unsigned blocks = 0;          ///< multicast: bits of ranks; 0: the own block
};
void tensor_load(const TensorTransfer& transfer);
void tensor_store(const TensorTransfer& transfer);
void bulk_load(void* to, const Bounds& bounds, const void* from, int bytes, void* mbarrier);
void bulk_store(void* to, const void* from, const Bounds& bounds, int bytes);
void bulk_commit();
/// Waits for all but the `still_pending` youngest groups of stores to have read shared memory and,
/// unless `read_only`, to have written global memory.
void bulk_wait(unsigned still_pending, bool read_only);

enum class MatrixType : std::uint8_t { f16, bf16, tf32, s8, u8, f32, f64 };
/// ldmatrix and stmatrix of `count` 8 x 8 matrices; `row` is the address this lane passes.
void load_matrix(std::uint32_t* fragment, int count, bool transpose, const void* row,
                 const Bounds& bounds);
void store_matrix(const std::uint32_t* fragment, int count, bool transpose, void* row,
                  const Bounds& bounds);
/// mma.sync, d += a b, for the fragments of cuda/primitives/mma.cuh. `b_type` differs from that of
/// a for 8-bit integers alone.
void mma(MatrixType a_type, MatrixType b_type, void* d, const void* a, const void* b);

struct Wgmma {
  MatrixType type = MatrixType::f16;
  int n = 0;
  std::uint64_t a = 0, b = 0;  ///< descriptors
  bool a_mn_major = false, b_mn_major = false;
  bool a_in_registers = false;
  bool accumulate = true;
  bool operator==(const Wgmma&) const = default;
};
/// `d` is n / 2 accumulators of this thread, `a` its four registers if they hold A.
void wgmma(const Wgmma& operation, float* d, const std::uint32_t* a);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait(unsigned still_pending);

/// Instructions that a wrapper of cuda/primitives/ executed for this thread.
void count_multiply_adds(unsigned count);
void count_special(unsigned count);

struct LaunchSpec {
  const char* kernel = "";         ///< for messages
  const void* function = nullptr;  ///< what attributes are asked for
  dim3 grid, block, cluster;
  std::size_t shared_bytes = 0;  ///< dynamic
  CUstream_st* stream = nullptr;
};
/// Runs `body` once for every thread of the grid and throws Violation for what goes wrong.
void launch(const LaunchSpec& spec, const std::function<void()>& body);

}  // namespace faltung::emulator
