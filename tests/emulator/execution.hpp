#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/emulator/async_copy.hpp"
#include "tests/emulator/barriers.hpp"
#include "tests/emulator/bulk_copy.hpp"
#include "tests/emulator/clock.hpp"
#include "tests/emulator/counters.hpp"
#include "tests/emulator/mbarrier.hpp"
#include "tests/emulator/race_detector.hpp"
#include "tests/emulator/toolkit/device_api.hpp"
#include "tests/emulator/toolkit/vector_types.hpp"
#include "tests/emulator/violation.hpp"
#include "tests/emulator/wgmma.hpp"

namespace faltung::emulator {

struct Block;
struct Warp;
class Fiber;

/// Shared memory a block can have on any device, static and dynamic together, and where its
/// addresses begin.
inline constexpr std::size_t shared_limit = 227 * 1024;
inline constexpr std::size_t shared_base = 1024;

/// What a thread is stopped at.
enum class Wait : std::uint8_t {
  nothing,
  block_barrier,
  named_barrier,
  warp,
  mbarrier,
  warpgroup,
  cluster
};

struct Thread {
  int id = 0;  ///< in the cluster; also its agent number
  int lane = 0;
  uint3 index;
  Block* block = nullptr;
  Warp* warp = nullptr;
  Fiber* fiber = nullptr;
  Clock clock;
  Wait wait = Wait::nothing;
  Where where;  ///< of the wait
  bool exited = false;
  CopyQueue copies;
  StoreQueue stores;
  WgmmaQueue wgmma;
  unsigned cluster_phase = 0;         ///< of the cluster's barrier, when it arrived there
  std::vector<std::uint32_t> fences;  ///< own times at which it executed a proxy fence

  /// As new, but for what every thread gets when it is set up. Most threads have touched no queue.
  void renew();
};

struct Warp {
  std::array<Thread*, 32> lanes{};  ///< null past the end of the block
  unsigned present = 0;
  std::vector<Rendezvous*> meetings;
  RequestLog requests;
};

struct Block {
  uint3 index;
  unsigned rank = 0;            ///< in the cluster
  std::byte* shared = nullptr;  ///< dynamic memory, then static
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::array<NamedBarrier, 16> barriers;
  std::vector<Warpgroup> warpgroups;  ///< made when first used
};

/// Random numbers for choices that need no quality, at a nanosecond each and nothing to set up: a
/// launch of few threads makes a Mersenne twister for as long as it runs.
/// Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014), SplitMix.
class Choices {
 public:
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }

  void seed(std::uint64_t seed) { state_ = seed; }
  result_type operator()() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_ = 0;
};

/// One launch, and the cluster of it that is running.
struct Execution {
  LaunchSpec spec;
  const char* kernel = "";
  dim3 grid, block, cluster;
  int device = 0;
  std::uint32_t launch = 0;                          ///< number of this launch
  bool has_company = false;                          ///< see launch_has_company
  std::size_t shared_bytes = 0;                      ///< dynamic
  std::size_t shared_end = 0;                        ///< past the static arrays met so far
  std::map<const void*, std::size_t> static_arrays;  ///< offsets, the same in every block
  Choices random;
  std::uint32_t first_serial = 0;  ///< of this launch's clusters
  std::uint32_t serial = 0;        ///< of the running cluster
  Agent agents = 0;                ///< numbers given out so far in the running cluster
  std::vector<Block> blocks;
  std::vector<Thread*> threads;  ///< of the cluster, by id
  std::vector<Thread*> runnable;
  std::map<const void*, MbarrierState> mbarriers;  ///< by address
  ClusterBarrier cluster_barrier;
  /// Copies that nobody but an mbarrier waits for. They land when nothing else can go on: the last
  /// moment at which a program that waits for them can still be served.
  std::vector<std::function<void()>> in_flight;
  Counters counters;
  std::optional<Violation> violation;
  std::optional<Violation> unset_read;  ///< the first; see Shadow::access

  [[nodiscard]] std::string describe(Agent agent) const;
  /// Whether the writer of `write` fenced the proxies after it and no later than `known`.
  [[nodiscard]] bool fenced(Epoch write, std::uint32_t known) const;
  [[nodiscard]] Shadow& shared_shadow();
  /// Offset into the cluster's shared memory; also the index into its shadow.
  [[nodiscard]] std::size_t shared_offset(const void* address) const;
};

/// Spares allocations of this thread in its scope, where a test lets those of the host fail: what
/// the emulator and the libraries that stand in for others allocate is no code of ours.
class Spared {
 public:
  Spared();
  ~Spared();
  Spared(const Spared&) = delete;
  Spared& operator=(const Spared&) = delete;
};
[[nodiscard]] bool is_spared();

/// Held by a launch and by every host function: the emulator does one thing at a time, whichever
/// thread of the host asks for it.
class Turn {
  Spared spared_;
  std::unique_lock<std::recursive_mutex> lock_;
  explicit Turn(std::recursive_mutex& mutex) : lock_(mutex) {}
  friend Turn take_turn();
};
[[nodiscard]] Turn take_turn();

/// The launch in progress, and the thread that runs; null outside kernels. Every access asks for
/// both.
extern Execution* running_launch;
extern Thread* running_thread;
[[nodiscard]] inline bool in_kernel() { return running_launch != nullptr; }
inline Execution& execution() { return *running_launch; }
inline Thread& self() { return *running_thread; }

/// An instruction that GPUs have from this compute capability on.
/// @throws Violation unsupported_instruction on an older one
void require_capability(int major, const char* instruction);

/// Stops the current thread until `wake`.
void park(Wait wait, const Where& where);
void wake(Thread& thread);

/// Says why nothing can go on, and throws.
[[noreturn]] void diagnose_stall();

}  // namespace faltung::emulator
