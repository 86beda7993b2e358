#include "tests/emulator/execution.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "tests/emulator/async_copy.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/fiber_scheduler.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/kernel_resources.hpp"
#include "tests/emulator/memory_checker.hpp"
#include "tests/emulator/toolkit/cuda_runtime.h"

namespace faltung::emulator {
namespace {

constexpr std::size_t largest_cluster = 8;        // what every device with clusters can do
constexpr std::size_t arena_stride = 256 * 1024;  // keeps every block's memory aligned to 1024

std::uint32_t last_serial = 0;

/// The shared memory of a cluster, block after block, kept for all launches.
struct Arena {
  Arena() : shadow(Shadow::Memory::shared, largest_cluster * arena_stride) {
    void* memory = mmap(nullptr, largest_cluster * arena_stride, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    begin = static_cast<std::byte*>(memory);
  }
  /// Poisons the memory of the first blocks of a cluster as far as earlier ones used it.
  void reset(unsigned blocks) {
    for (unsigned rank = 0; rank < blocks; ++rank) {
      std::memset(begin + rank * arena_stride, poison_byte, used[rank]);
      shadow.reset(rank * arena_stride, used[rank]);
      used[rank] = 0;
    }
  }
  /// So many blocks have so much memory.
  void use(std::size_t blocks, std::size_t bytes) {
    for (std::size_t rank = 0; rank < blocks; ++rank) used[rank] = std::max(used[rank], bytes);
  }
  std::byte* begin;
  Shadow shadow;
  std::array<std::size_t, largest_cluster> used = all_used();

 private:
  static constexpr std::array<std::size_t, largest_cluster> all_used() {
    std::array<std::size_t, largest_cluster> used{};
    used.fill(shared_limit);
    return used;
  }
};

Arena& arena() {
  static auto& instance = *new Arena;
  return instance;
}

std::string text(const dim3& v) {
  return std::to_string(v.x) + "x" + std::to_string(v.y) + "x" + std::to_string(v.z);
}

std::size_t count(const dim3& v) { return std::size_t{v.x} * v.y * v.z; }

void check_shape(const Execution& run) {
  const auto reject = [&](const std::string& message) { fail(Check::invalid_launch, message); };
  const GpuLimits& limits = machine.limits;
  if (count(run.grid) == 0 || run.grid.y > 65535 || run.grid.z > 65535 || run.grid.x > 0x7fffffff) {
    reject("grid " + text(run.grid) + "; each extent is at least 1, x at most 2^31-1, y, z 65535");
  }
  if (count(run.block) == 0 || count(run.block) > 1024 || run.block.z > 64) {
    reject("block " + text(run.block) + "; it has 1 to 1024 threads, z at most 64");
  }
  if (run.shared_bytes > static_cast<std::size_t>(limits.max_shared)) {
    reject(std::to_string(run.shared_bytes) + " bytes of shared memory; a block has " +
           std::to_string(limits.max_shared));
  }
  if (count(run.cluster) != 1 && limits.major < 9) {
    reject("cluster " + text(run.cluster) + "; compute capability " + std::to_string(limits.major) +
           " has none");
  }
  if (count(run.cluster) == 0 || count(run.cluster) > largest_cluster ||
      run.grid.x % run.cluster.x || run.grid.y % run.cluster.y || run.grid.z % run.cluster.z) {
    reject("cluster " + text(run.cluster) + " in a grid of " + text(run.grid) +
           "; it has at most 8 blocks and divides the grid");
  }
}

void set_up_threads(Execution& run, Block& block) {
  const std::size_t threads = count(run.block);
  block.threads.resize(threads);
  block.warps.resize((threads + 31) / 32);
  for (std::size_t i = 0; i < threads; ++i) {
    Thread& thread = block.threads[i];
    thread.renew();  // may be that of an earlier block
    thread.id = static_cast<int>(run.threads.size());
    thread.lane = static_cast<int>(i % 32);
    const auto linear = static_cast<unsigned>(i);
    thread.index = {linear % run.block.x, linear / run.block.x % run.block.y,
                    linear / run.block.x / run.block.y};
    thread.block = &block;
    thread.warp = &block.warps[i / 32];
    thread.warp->lanes[i % 32] = &thread;
    thread.warp->present |= 1u << (i % 32);
    run.threads.push_back(&thread);
  }
}

/// A block as new, but for the memory of its threads.
void renew(Block& block) {
  std::vector<Thread> threads = std::move(block.threads);
  block = {};
  block.threads = std::move(threads);
}

void set_up_cluster(Execution& run, const uint3& first) {
  run.threads.clear();
  run.runnable.clear();
  run.mbarriers.clear();
  run.cluster_barrier = {};
  run.blocks.resize(count(run.cluster));
  for (unsigned rank = 0; rank < run.blocks.size(); ++rank) {
    Block& block = run.blocks[rank];
    renew(block);
    block.rank = rank;
    block.index = {first.x + rank % run.cluster.x, first.y + rank / run.cluster.x % run.cluster.y,
                   first.z + rank / run.cluster.x / run.cluster.y};
    block.shared = arena().begin + rank * arena_stride;
    set_up_threads(run, block);
  }
  arena().reset(static_cast<unsigned>(run.blocks.size()));
  arena().use(run.blocks.size(), run.shared_end);
  run.agents = static_cast<Agent>(run.threads.size());
  static auto& nothing = *new Knowledge;  // shared by all that know as little
  if (nothing == nullptr || nothing->size() != run.agents) {
    nothing = std::make_shared<const std::vector<std::uint32_t>>(run.agents, 0u);
  }
  for (Thread* thread : run.threads) {
    thread->clock = Clock(static_cast<Agent>(thread->id), nothing);
  }
}

void run_clusters(Execution& run, const std::function<void()>& body) {
  const dim3 clusters{run.grid.x / run.cluster.x, run.grid.y / run.cluster.y,
                      run.grid.z / run.cluster.z};
  std::vector<std::uint32_t> order(count(clusters));
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), run.random);
  run.first_serial = last_serial + 1;
  for (const std::uint32_t linear : order) {
    run.serial = ++last_serial;
    set_up_cluster(
        run, {linear % clusters.x * run.cluster.x, linear / clusters.x % clusters.y * run.cluster.y,
              linear / clusters.x / clusters.y * run.cluster.z});
    run_threads(body);
    if (!run.in_flight.empty()) {
      fail(Check::copy_left_in_flight, "the block exits while bulk loads are under way to it");
    }
    for (Block& block : run.blocks) {
      for (Warp& warp : block.warps) warp.requests.flush();
    }
  }
  if (run.unset_read) throw *run.unset_read;
}

}  // namespace

namespace {
thread_local int spared = 0;
}  // namespace

Spared::Spared() { ++spared; }
Spared::~Spared() { --spared; }
bool is_spared() { return spared != 0; }

Turn take_turn() {
  static std::recursive_mutex mutex;
  return Turn(mutex);
}

Execution* running_launch = nullptr;

void Thread::renew() {
  wait = Wait::nothing;
  where = {};
  exited = false;
  cluster_phase = 0;
  fences.clear();
  if (!copies.untouched()) copies = {};
  if (!stores.untouched()) stores = {};
  if (!wgmma.untouched()) wgmma = {};
}

std::string Execution::describe(Agent agent) const {
  if (agent >= threads.size()) return "an asynchronous copy or matrix instruction";
  const Thread& thread = *threads[agent];
  return "thread (" + std::to_string(thread.index.x) + "," + std::to_string(thread.index.y) + "," +
         std::to_string(thread.index.z) + ")" +
         (blocks.size() > 1 ? " of cluster block " + std::to_string(thread.block->rank) : "");
}

bool Execution::fenced(Epoch write, std::uint32_t known) const {
  if (write.agent >= threads.size()) return true;
  const std::vector<std::uint32_t>& fences = threads[write.agent]->fences;
  const auto after = std::upper_bound(fences.begin(), fences.end(), known);
  return after != fences.begin() && *std::prev(after) >= write.time;
}

Shadow& Execution::shared_shadow() { return arena().shadow; }

std::size_t Execution::shared_offset(const void* address) const {
  return static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena().begin);
}

std::ptrdiff_t rank_distance(int rank) {
  const auto blocks = static_cast<int>(execution().blocks.size());
  if (rank < 0 || rank >= blocks) {
    fail(Check::out_of_bounds_shared,
         "block " + std::to_string(rank) + " of a cluster of " + std::to_string(blocks));
  }
  return (rank - static_cast<std::ptrdiff_t>(self().block->rank)) *
         static_cast<std::ptrdiff_t>(arena_stride);
}

void diagnose_stall() {
  const Thread* stuck = nullptr;
  const Thread* exited = nullptr;
  for (const Thread* thread : execution().threads) {
    if (thread->exited) {
      exited = thread;
    } else if (stuck == nullptr || thread->wait == Wait::warp ||
               (thread->wait == Wait::block_barrier && stuck->wait != Wait::warp)) {
      stuck = thread;
    }
  }
  const std::string who = execution().describe(static_cast<Agent>(stuck->id)) + " of block (" +
                          std::to_string(stuck->block->index.x) + "," +
                          std::to_string(stuck->block->index.y) + "," +
                          std::to_string(stuck->block->index.z) + ") waits ";
  switch (stuck->wait) {
    case Wait::warp:
      fail(Check::divergent_collective,
           who + "in a warp-wide instruction for lanes that do other things or have exited",
           stuck->where);
    case Wait::block_barrier:
      if (exited != nullptr) {
        fail(Check::exit_before_barrier,
             who + "at a barrier that " + execution().describe(static_cast<Agent>(exited->id)) +
                 " never reached: it has exited",
             stuck->where);
      }
      fail(Check::divergent_barrier, who + "at a barrier that others do not reach", stuck->where);
    case Wait::warpgroup:
      fail(Check::divergent_wgmma, who + "for wgmma that others of its warpgroup do not issue",
           stuck->where);
    default:
      fail(Check::deadlock, who + "for something that no thread and no copy will bring",
           stuck->where);
  }
}

void require_capability(int major, const char* instruction) {
  if (machine.limits.major >= major) return;
  fail(Check::unsupported_instruction, std::string(instruction) + " needs compute capability " +
                                           std::to_string(major) + ".0, the device has " +
                                           std::to_string(machine.limits.major) + "." +
                                           std::to_string(machine.limits.minor));
}

Bounds dynamic_shared(std::size_t offset, std::size_t bytes) {
  if (offset + bytes > execution().shared_bytes) {
    fail(Check::shared_memory_exceeded, "takes dynamic shared memory up to byte " +
                                            std::to_string(offset + bytes) + ", the launch gave " +
                                            std::to_string(execution().shared_bytes));
  }
  std::byte* memory = self().block->shared + offset;
  return {memory, memory + bytes};
}

Bounds static_shared(const void* key, std::size_t bytes, std::size_t alignment) {
  Execution& run = execution();
  const auto [entry, is_new] = run.static_arrays.emplace(key, 0);
  if (is_new) {
    entry->second = (run.shared_end + alignment - 1) / alignment * alignment;
    run.shared_end = entry->second + bytes;
    arena().use(run.blocks.size(), run.shared_end);
    note_static_shared(run.spec, run.shared_end - run.shared_bytes);
  }
  std::byte* memory = self().block->shared + entry->second;
  return {memory, memory + bytes};
}

std::uint32_t shared_address(const void* address) {
  const std::size_t offset = execution().shared_offset(address);
  return static_cast<std::uint32_t>(offset / arena_stride << 24 |
                                    (shared_base + offset % arena_stride));
}

void launch(const LaunchSpec& spec, const std::function<void()>& body) {
  const auto turn = take_turn();
  static std::uint32_t launches = 0;
  static auto& last_blocks = *new std::vector<Block>;  // kept for their memory
  Execution run;
  run.blocks = std::move(last_blocks);
  run.spec = spec;
  run.kernel = spec.kernel;
  run.grid = gridDim = spec.grid;
  run.block = blockDim = spec.block;
  run.cluster = spec.cluster;
  run.device = machine.current;
  run.launch = ++launches;
  run.shared_bytes = run.shared_end = spec.shared_bytes;
  run.random.seed(options().seed);
  counting = is_recording();
  site_counters().clear();
  running_launch = &run;
  try {
    check_shape(run);
    check_launch(spec);
    run.has_company = launch_has_company();
    run_clusters(run, body);
  } catch (...) {
    for (Thread* thread : run.threads) {
      if (thread->fiber == nullptr) continue;
      thread->fiber->abandon();
      give_back(std::exchange(thread->fiber, nullptr));
    }
    running_launch = nullptr;
    throw;
  }
  running_launch = nullptr;
  last_blocks = std::move(run.blocks);
  record({spec.kernel, spec.grid, spec.block, spec.shared_bytes, run.counters, site_counters()});
}

}  // namespace faltung::emulator
