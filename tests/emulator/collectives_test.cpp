#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

#include "cuda/primitives/memory.cuh"
#include "cuda/runtime/launch.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"

// Shuffles, votes and reductions, against what the CUDA programming guide says of them.
namespace faltung::emulator_kernels {
namespace {

using cuda::Global;

constexpr unsigned all = 0xffffffffu;

/// Runs one block of `threads` and gives what each wrote.
template <typename Kernel, typename... Arguments>
std::vector<int> run(Kernel kernel, int threads, Arguments... arguments) {
  const DeviceBuffer<int> y(static_cast<std::size_t>(threads));
  cuda::launch(kernel, {.name = "collective", .block = static_cast<unsigned>(threads)},
               Global<int>(y.data()), arguments...);
  return y.read();
}

__global__ void shuffle_kernel(Global<int> y, int kind, int operand, int width) {
  const int lane = static_cast<int>(threadIdx.x);
  const int value = lane * 10;
  y[lane] = kind == 0   ? __shfl_sync(all, value, operand, width)
            : kind == 1 ? __shfl_up_sync(all, value, static_cast<unsigned>(operand), width)
            : kind == 2 ? __shfl_down_sync(all, value, static_cast<unsigned>(operand), width)
                        : __shfl_xor_sync(all, value, operand, width);
}

TEST(Shuffle, StaysWithinItsSegment) {
  for (const int width : {2, 4, 8, 16, 32}) {
    for (int operand = 0; operand < 32; ++operand) {
      for (int kind = 0; kind < 4; ++kind) {
        const std::vector<int> y = run(shuffle_kernel, 32, kind, operand, width);
        for (int lane = 0; lane < 32; ++lane) {
          const int first = lane - lane % width;
          const int within = lane % width;
          // A source outside the segment leaves the own value; an index counts modulo the width.
          int source = kind == 0   ? operand % width
                       : kind == 1 ? within - operand
                                   : within + operand;
          if (kind == 3) source = (lane ^ operand) - first;
          if (source < 0 || source >= width) source = within;
          ASSERT_EQ(y[lane], (first + source) * 10) << kind << ' ' << operand << ' ' << width;
        }
      }
    }
  }
}

__global__ void vote_kernel(Global<int> y, unsigned votes) {
  const int lane = static_cast<int>(threadIdx.x);
  const int mine = static_cast<int>(votes >> lane & 1u);
  const unsigned half = lane < 16 ? 0xffffu : 0xffff0000u;
  const unsigned ballot = __ballot_sync(half, mine);
  y[lane] = (ballot == (votes & half) ? 1 : 0) + (__any_sync(half, mine) != 0 ? 2 : 0) +
            (__all_sync(half, mine) != 0 ? 4 : 0);
}

TEST(Vote, CountsTheLanesOfItsMask) {
  for (const unsigned votes : {0u, all, 0x1u, 0xffffu, 0xdeadbeefu}) {
    const std::vector<int> y = run(vote_kernel, 32, votes);
    for (int lane = 0; lane < 32; ++lane) {
      const unsigned half = lane < 16 ? votes & 0xffffu : votes >> 16;
      EXPECT_EQ(y[lane], 1 + (half != 0 ? 2 : 0) + (half == 0xffffu ? 4 : 0));
    }
  }
}

__global__ void reduce_kernel(Global<int> y) {
  const int lane = static_cast<int>(threadIdx.x);
  const int value = (lane - 7) * 3;
  const unsigned bits = 1u << lane | 1u;
  const int results[] = {__reduce_add_sync(all, value),
                         __reduce_min_sync(all, value),
                         __reduce_max_sync(all, value),
                         static_cast<int>(__reduce_and_sync(all, bits)),
                         static_cast<int>(__reduce_or_sync(all, bits)),
                         static_cast<int>(__reduce_xor_sync(all, bits))};
  if (lane < 6) y[lane] = results[lane];
  if (lane >= 6) y[lane] = 0;
}

TEST(Reduction, CombinesAllLanes) {
  const std::vector<int> y = run(reduce_kernel, 32);
  EXPECT_EQ(y[0], 3 * (31 * 32 / 2 - 7 * 32));
  EXPECT_EQ(y[1], -21);
  EXPECT_EQ(y[2], 72);
  EXPECT_EQ(y[3], 1);
  EXPECT_EQ(static_cast<unsigned>(y[4]), all);
  EXPECT_EQ(static_cast<unsigned>(y[5]), all - 1);  // every lane sets bit 0
}

__global__ void block_vote_kernel(Global<int> y, int limit) {
  const int thread = static_cast<int>(threadIdx.x);
  const int mine = thread < limit ? 1 : 0;
  const int count = __syncthreads_count(mine);
  const int any = __syncthreads_or(mine);
  const int every = __syncthreads_and(mine);
  y[thread] = count * 4 + (any != 0 ? 2 : 0) + (every != 0 ? 1 : 0);
}

// 50 threads: the second warp is not full.
TEST(BlockVote, CountsTheThreadsOfTheBlock) {
  for (const int limit : {0, 1, 49, 50}) {
    const int expected = limit * 4 + (limit > 0 ? 2 : 0) + (limit == 50 ? 1 : 0);
    EXPECT_EQ(run(block_vote_kernel, 50, limit), std::vector<int>(50, expected));
  }
}

__global__ void index_kernel(Global<int> y) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  y[block * 12 + thread] = static_cast<int>(block * 12 + thread);
}

TEST(Launch, RunsEveryThreadOfEveryBlockOnce) {
  const DeviceBuffer<int> y(24 * 12);
  cuda::launch(index_kernel, {.name = "index", .grid = {2, 3, 4}, .block = {3, 2, 2}},
               Global<int>(y.data()));
  const std::vector<int> values = y.read();
  for (int i = 0; i < 24 * 12; ++i) EXPECT_EQ(values[i], i);
}

[[gnu::noinline]] void put(Global<int> y, int i) { y[i] = i; }

/// Lanes 0 and 1 write twice a round, the others once.
__global__ void called_twice_kernel(Global<int> y) {
  const int lane = static_cast<int>(threadIdx.x);
  for (int round = 0; round < 4; ++round) {
    put(y, round * 40 + lane);
    if (lane < 2) put(y, round * 40 + 32 + lane);
  }
}

// As on a GPU, where the function would be inlined: eight requests, not a jumble of lanes that are
// ahead of others.
TEST(Counters, TellCallersOfAFunctionApart) {
  const DeviceBuffer<int> y(160);
  const emulator::Recorder recorder;
  cuda::launch(called_twice_kernel, {.name = "called_twice", .block = 32}, Global<int>(y.data()));
  const emulator::Traffic& write = recorder.reports().front().counters.write;
  EXPECT_EQ(write.requests, 8u);
  EXPECT_EQ(write.sectors, 4u * 5);
  EXPECT_EQ(write.bytes, 4u * 34 * 4);
}

// A plan may be run from many threads at once.
TEST(Launch, ServesManyHostThreads) {
  std::vector<std::thread> threads;
  std::array<std::vector<int>, 4> values;
  for (std::vector<int>& mine : values) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 20; ++i) mine = run(block_vote_kernel, 50, 7);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<int>& mine : values) EXPECT_EQ(mine, std::vector<int>(50, 30));
}

TEST(Launch, RefusesWhatAGpuRefuses) {
  const DeviceBuffer<int> y(1);
  for (const cuda::LaunchConfig& config :
       {cuda::LaunchConfig{.name = "bad", .grid = {1, 70000}},
        cuda::LaunchConfig{.name = "bad", .block = 1025},
        cuda::LaunchConfig{.name = "bad", .shared_bytes = 228 * 1024},
        cuda::LaunchConfig{.name = "bad", .grid = 3, .cluster = 2}}) {
    EXPECT_THROW(cuda::launch(index_kernel, config, Global<int>(y.data())), emulator::Violation);
  }
}

}  // namespace
}  // namespace faltung::emulator_kernels
