#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "tests/emulator/clock.hpp"
#include "tests/emulator/toolkit/device_api.hpp"

namespace faltung::emulator {

struct Thread;

/// One wgmma of a warpgroup, in flight from the first thread that issues it until one waits for it:
/// the tensor cores then read shared memory and multiply, at the last moment they may.
struct WgmmaInFlight {
  Wgmma operation;
  int issued = 0;  ///< threads, of 128
  bool landed = false;
  Where where;
  std::array<float*, 128> d{};
  std::array<std::array<std::uint32_t, 4>, 128> a{};
};

/// Four consecutive warps.
struct Warpgroup {
  std::deque<WgmmaInFlight> operations;  ///< never removed, so that numbers stay valid
  std::vector<Thread*> waiting;          ///< for others to issue what they wait for
  Agent agent = 0;                       ///< the tensor cores, as readers of memory
};

/// Accumulators while instructions own them. Until the thread waits, its own array holds NaN.
struct Accumulators {
  std::vector<float> values;
  int in_flight = 0;
};

/// What one thread has issued.
struct WgmmaQueue {
  std::size_t issued = 0;                       ///< operations of its warpgroup
  std::size_t waited = 0;                       ///< as many have been waited for
  std::vector<std::size_t> groups;              ///< value of `issued` at each commit not waited for
  bool fenced = false;                          ///< since registers were last its own
  std::map<float*, Accumulators> accumulators;  ///< by the array they come from and go to

  [[nodiscard]] bool untouched() const {
    return issued == 0 && waited == 0 && groups.empty() && !fenced && accumulators.empty();
  }
};

/// A thread exits: it must have waited for its operations.
/// @throws Violation copy_left_in_flight
void finish_wgmma(const Thread& thread);

}  // namespace faltung::emulator
