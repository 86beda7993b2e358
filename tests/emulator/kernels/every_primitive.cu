// Every form of every wrapper in cuda/primitives/, so that the assembler has seen its text. Never
// run: the emulator's tests say what they do, this says that a GPU has such instructions.

#include "cuda/primitives/arithmetic.cuh"
#include "cuda/primitives/async_copy.cuh"
#include "cuda/primitives/bulk_copy.cuh"
#include "cuda/primitives/convert.cuh"
#include "cuda/primitives/mma.cuh"
#include "cuda/primitives/view.cuh"
#include "cuda/primitives/wgmma.cuh"

namespace faltung::emulator_kernels {

using cuda::Global;
using cuda::Major;
using cuda::Mbarrier;
using cuda::Shared;
using cuda::SharedMemory;

__global__ void every_memory_access(cuda::View3<const float> x, cuda::View3<float> y,
                                    Global<Half> halves, Global<const Half> const_halves,
                                    Global<unsigned char> bytes, Global<int> sums) {
  FALTUNG_SHARED(double, doubles, 32);
  const int i = static_cast<int>(threadIdx.x);
  doubles[i] = x(0, 1, i);
  __syncthreads();
  y(i, 2, 0) = cuda::multiply_add(static_cast<float>(doubles[31 - i]), 2.0f, 1.0f);
  bytes.store<16>(i * 16, bytes.load<16>(i * 32));
  halves.store<4>(i * 4, const_halves.load<4>(i * 4));
  const auto floats = bytes.as<float>();
  floats[i] = cuda::to_float(halves[i]) + cuda::to_float(cuda::from_float<BFloat16>(floats[i + 1]));
  floats[i + 64] = __uint_as_float(cuda::pack(halves[i], cuda::from_float<Half>(floats[i + 2])) +
                                   cuda::to_tf32(floats[i + 3]));
  floats[i + 96] = cuda::fast_exp2(floats[i + 4]) * cuda::fast_reciprocal(floats[i + 5]);
  sums.atomic_add(0, i);
  sums.atomic_max(1, i);
}

__global__ void every_async_copy(Global<const float> x, Global<float> y) {
  SharedMemory shared;
  const auto tile = shared.take<float, 128>(1024);
  const auto barrier = shared.take<Mbarrier>(2);
  cuda::mbarrier_init(barrier, 3);
  cuda::fence_mbarrier_init();
  cuda::fence_async_proxy();
  cuda::copy_async<4>(tile, x, 0);
  cuda::copy_async<8>(tile, x);
  cuda::copy_async<16>(tile, x, 12);
  cuda::copy_async_commit();
  cuda::copy_async_wait<1>();
  cuda::mbarrier_arrive_on_copies(barrier);
  cuda::mbarrier_arrive(barrier);
  cuda::mbarrier_arrive_expect(barrier, 1024);
  cuda::bulk_load(tile, x, 1024, barrier);
  cuda::mbarrier_wait(barrier, 0);
  cuda::bulk_store(y, tile, 1024);
  cuda::bulk_commit();
  cuda::bulk_wait_read<1>();
  cuda::bulk_wait<0>();
  cuda::named_barrier_arrive(1, 64);
  cuda::named_barrier_sync(1, 64);
  cuda::cluster_sync();
  cuda::mbarrier_arrive_at(barrier, cuda::cluster_rank() ^ 1);
  y[0] = cuda::at_rank(tile, 1)[0];
}

template <int rank>
__device__ void every_tensor_copy(const CUtensorMap& map, Shared<float> tile,
                                  Shared<Mbarrier> barrier, int i) {
  int at[rank];
  for (int& coordinate : at) coordinate = i;
  cuda::prefetch_tensor_map(map);
  cuda::tensor_load(tile, map, at, barrier);
  cuda::tensor_load_multicast(tile, map, at, barrier, static_cast<std::uint16_t>(i));
  if constexpr (rank >= 3) {
    int offset[rank - 2];
    for (int& each : offset) each = i;
    cuda::tensor_load_im2col(tile, map, at, offset, barrier);
  }
  cuda::tensor_store(map, at, tile);
}

__global__ void every_tensor_copy_kernel(const __grid_constant__ CUtensorMap map, int i) {
  SharedMemory shared;
  const auto tile = shared.take<float, 128>(1024);
  const auto barrier = shared.take<Mbarrier>(1);
  every_tensor_copy<1>(map, tile, barrier, i);
  every_tensor_copy<2>(map, tile, barrier, i);
  every_tensor_copy<3>(map, tile, barrier, i);
  every_tensor_copy<4>(map, tile, barrier, i);
  every_tensor_copy<5>(map, tile, barrier, i);
}

template <int count, bool transpose>
__device__ std::uint32_t every_matrix_move(Shared<Half> tile) {
  std::uint32_t fragment[count];
  cuda::load_matrix<count, transpose>(fragment, tile);
  cuda::store_matrix<count, transpose>(tile + 512, fragment);
  return fragment[0];
}

__global__ void every_mma(Global<float> y, Global<int> z, Global<double> f64) {
  const auto tile = SharedMemory().take<Half>(1024);
  const std::uint32_t a[4] = {every_matrix_move<1, false>(tile), every_matrix_move<1, true>(tile),
                              every_matrix_move<2, false>(tile), every_matrix_move<2, true>(tile)};
  const std::uint32_t b[2] = {every_matrix_move<4, false>(tile), every_matrix_move<4, true>(tile)};
  float d[4] = {};
  int sum[4] = {};
  double doubles[2] = {};
  cuda::mma_m16n8k16<Half>(d, a, b);
  cuda::mma_m16n8k16<BFloat16>(d, a, b);
  cuda::mma_m16n8k8_tf32(d, a, b);
  cuda::mma_m16n8k32<std::int8_t, std::int8_t>(sum, a, b);
  cuda::mma_m16n8k32<std::int8_t, std::uint8_t>(sum, a, b);
  cuda::mma_m16n8k32<std::uint8_t, std::int8_t>(sum, a, b);
  cuda::mma_m16n8k32<std::uint8_t, std::uint8_t>(sum, a, b);
  cuda::mma_m8n8k4_f64(doubles, f64[0], f64[1]);
  y[static_cast<int>(threadIdx.x)] = d[0];
  z[static_cast<int>(threadIdx.x)] = sum[0];
  f64[static_cast<int>(threadIdx.x)] = doubles[0];
}

template <int n>
__global__ void __launch_bounds__(128, 1)
    every_wgmma(Global<float> y, Global<const std::uint32_t> x) {
  const auto tile = SharedMemory().take<Half, 1024>(16384);
  const auto left = cuda::matrix_descriptor(tile, cuda::MatrixSwizzle::bytes_128, 16, 1024);
  const auto right = left + 2048;
  const std::uint32_t a[4] = {x[0], x[1], x[2], x[3]};
  float d[n / 2];
  cuda::wgmma_fence();
  cuda::wgmma<Half, n>(d, left, right, false);
  cuda::wgmma<Half, n, Major::k, Major::mn>(d, left, right);
  cuda::wgmma<BFloat16, n, Major::mn, Major::k>(d, left, right);
  cuda::wgmma<BFloat16, n, Major::mn, Major::mn>(d, left, right);
  cuda::wgmma<cuda::Tf32, n>(d, left, right);
  cuda::wgmma<Half, n>(d, a, right);
  cuda::wgmma<BFloat16, n, Major::mn>(d, a, right);
  cuda::wgmma<cuda::Tf32, n>(d, a, right);
  cuda::wgmma_commit();
  cuda::wgmma_wait<0>();
  for (int i = 0; i < n / 2; ++i) y[i * 128 + static_cast<int>(threadIdx.x)] = d[i];
}

template __global__ void every_wgmma<8>(Global<float>, Global<const std::uint32_t>);
template __global__ void every_wgmma<16>(Global<float>, Global<const std::uint32_t>);
template __global__ void every_wgmma<32>(Global<float>, Global<const std::uint32_t>);
template __global__ void every_wgmma<64>(Global<float>, Global<const std::uint32_t>);
template __global__ void every_wgmma<96>(Global<float>, Global<const std::uint32_t>);
template __global__ void every_wgmma<128>(Global<float>, Global<const std::uint32_t>);
template __global__ void every_wgmma<160>(Global<float>, Global<const std::uint32_t>);
template __global__ void every_wgmma<192>(Global<float>, Global<const std::uint32_t>);
template __global__ void every_wgmma<224>(Global<float>, Global<const std::uint32_t>);
template __global__ void every_wgmma<256>(Global<float>, Global<const std::uint32_t>);

}  // namespace faltung::emulator_kernels
